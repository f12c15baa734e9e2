// A C++ program: exceptions, containers, thread_local objects whose destructors allocate and free.
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct Kept {
    std::vector<std::string> words;
    ~Kept() { words.push_back(std::string(1000, 'x')); }
};

thread_local Kept kept;

struct alignas(128) Wide {
    char bytes[300];
};

static size_t work(int number)
{
    std::map<std::string, std::shared_ptr<std::string>> words;
    size_t caught = 0;
    for (int i = 0; i < 500; i++) {
        kept.words.push_back("word " + std::to_string(i * number));
        words[kept.words.back()] = std::make_shared<std::string>(i, 'y');
        try {
            if (i % 10 == 0)
                throw std::runtime_error(kept.words.back());
        } catch (const std::exception &error) {
            caught += error.what() == kept.words.back();
        }
        auto wide = std::make_unique<Wide>();
        if (reinterpret_cast<uintptr_t>(wide.get()) % 128 != 0)
            return 0;
    }
    return caught;
}

int main()
{
    std::vector<std::thread> threads;
    std::vector<size_t> caught(16);
    for (int i = 0; i < 16; i++)
        threads.emplace_back([&caught, i] { caught[i] = work(i + 1); });
    size_t sum = work(1);
    for (auto &thread : threads)
        thread.join();
    for (size_t count : caught)
        sum += count;
    std::cout << sum << "\n";
    try {
        // Volatile, or the compiler takes the pair away.
        char *volatile block = new char[size_t(1) << 46];
        delete[] block;
        return 1;
    } catch (const std::bad_alloc &) {
        std::cout << "no memory\n";
    }
}
