//! Every driver and every twin builds with both toolchains, and imports nothing that the list of names lacks.

use ntpool_drivers::{Source, Toolchain, all, build, folder};
use object::read::pe::{ImageThunkData, PeFile64};
use object::{LittleEndian as LE, Object, ObjectSection};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What `imports/` lists, as `IMAGE!Name`.
fn listed_names() -> BTreeSet<String> {
    let list = |file: &str| {
        let text = fs::read_to_string(folder().join("imports").join(file)).expect("the list of names");
        let (head, names) = text.split_once("\nEXPORTS\n").expect("the list's beginning");
        let (_, image) = head.split_once("LIBRARY ").expect("the image's name");
        let plain = |name: &str| format!("{image}!{}", name.trim_end_matches(" DATA"));
        names.lines().map(plain).collect::<Vec<_>>()
    };
    ["ntoskrnl.def", "hal.def"].into_iter().flat_map(list).collect()
}

/// The names that an image imports, as `IMAGE!Name`.
fn imported_names(image: &[u8]) -> BTreeSet<String> {
    let file = PeFile64::parse(image).expect("an image");
    let Some(table) = file.import_table().expect("an import table") else { return BTreeSet::new() };
    let mut names = BTreeSet::new();
    let mut descriptors = table.descriptors().expect("descriptors");
    while let Some(descriptor) = descriptors.next().expect("a descriptor") {
        let image = table.name(descriptor.name.get(LE)).expect("a name");
        let mut thunks = table.thunks(descriptor.original_first_thunk.get(LE)).expect("thunks");
        while let Some(thunk) = thunks.next::<object::pe::ImageNtHeaders64>().expect("a thunk") {
            let (_, name) = table.hint_name(thunk.address()).expect("an import by name");
            names.insert(format!("{}!{}", String::from_utf8_lossy(image), String::from_utf8_lossy(name)));
        }
    }
    names
}

fn check(source: &Source, toolchain: Toolchain, out: &Path, listed: &BTreeSet<String>) -> BTreeSet<String> {
    let path = build(source, toolchain, out).unwrap_or_else(|error| panic!("{error}"));
    let image = fs::read(&path).expect("the image");
    let imported = imported_names(&image);
    let unknown: Vec<_> = imported.difference(listed).collect();
    assert!(unknown.is_empty(), "{} of {toolchain} imports {unknown:?}", source.name);
    if toolchain == Toolchain::Clang {
        let pdb = out.join("clang").join(format!("{}.pdb", source.name));
        assert!(pdb.exists(), "clang leaves {}", pdb.display());
    }
    let file = PeFile64::parse(&image[..]).expect("an image");
    if let Some(init) = file.section_by_name("INIT") {
        let object::SectionFlags::Coff { characteristics } = init.flags() else { panic!("a COFF section") };
        assert_ne!(characteristics.0 & object::pe::IMAGE_SCN_MEM_DISCARDABLE.0, 0, "{}", source.name);
    }
    imported
}

/// The drivers that observe: each C file in `rows/` is one.
fn observers() -> Vec<Source> {
    let dir = folder().join("rows");
    let files = fs::read_dir(&dir).expect("the folder").map(|entry| entry.expect("an entry").file_name());
    let observer = |file: std::ffi::OsString| {
        let file = file.into_string().expect("a plain name");
        let source = Source::observer(file.strip_suffix(".c")?).expect("the folder");
        Some(Source { name: format!("rows-{}", source.name), ..source })
    };
    files.filter_map(observer).collect()
}

/// What names every routine that the headers declare beyond those that drivers call; it is never run.
fn declarations() -> Source {
    let files = ["declared.c", "../support/cookie.c"].map(str::to_owned).into();
    Source { name: "declared".to_owned(), dir: folder().join("imports"), files }
}

#[test]
fn every_driver_and_twin_builds_with_both_toolchains_and_imports_only_listed_names() {
    let out = tempfile::tempdir().expect("a temporary folder");
    let listed = listed_names();
    let drivers = all().unwrap_or_else(|error| panic!("{error}"));
    let mut sources: Vec<Source> =
        drivers.iter().flat_map(|driver| [Some(driver.source()), driver.twin()]).flatten().collect();
    sources.extend(observers());
    sources.push(declarations());
    let half = sources.len().div_ceil(2);
    let used: BTreeSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = sources
            .chunks(half)
            .map(|part| {
                let (out, listed) = (out.path(), &listed);
                scope.spawn(move || {
                    part.iter()
                        .flat_map(|source| {
                            source.toolchains().iter().map(move |&toolchain| (source, toolchain))
                        })
                        .flat_map(|(source, toolchain)| check(source, toolchain, out, listed))
                        .collect::<BTreeSet<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no failed check")).collect()
    });
    let unused: Vec<_> = listed.difference(&used).collect();
    assert!(unused.is_empty(), "no driver imports {unused:?}");
}

#[test]
fn every_mark_in_a_folder_is_one_that_its_expectation_names() {
    for driver in all().unwrap_or_else(|error| panic!("{error}")) {
        let named: BTreeSet<&str> = (driver.expected.findings.iter())
            .flat_map(|finding| finding.stacks.iter().map(|stack| stack.mark.as_str()))
            .collect();
        for file in driver.files.iter().filter(|file| !file.starts_with("..")) {
            let text = fs::read_to_string(driver.dir.join(file)).expect("a source file");
            for (_, rest) in text.match_indices("/* MARK: ").map(|(at, open)| text.split_at(at + open.len()))
            {
                let mark = rest.split_once(" */").expect("a comment that ends").0;
                assert!(named.contains(mark), "{}/{file}: mark {mark} is not expected anywhere", driver.name);
            }
        }
    }
}

#[test]
fn every_driver_but_the_clean_one_is_expected_to_be_found_out_and_all_but_the_sample_have_a_twin() {
    let drivers = all().unwrap_or_else(|error| panic!("{error}"));
    for driver in &drivers {
        assert_eq!(driver.expected.findings.is_empty(), driver.name == "clean", "{}", driver.name);
        assert_eq!(
            driver.twin().is_none(),
            ["clean", "sample"].contains(&driver.name.as_str()),
            "{}",
            driver.name
        );
    }
    // A folder that lost its expectation would drop out of `all` without a word.
    let with_sources = fs::read_dir(folder()).expect("the folder").filter(|entry| {
        let dir = entry.as_ref().expect("an entry").path();
        dir.join("driver.c").exists() || dir.join("sample.c").exists()
    });
    assert_eq!(with_sources.count(), drivers.len());
}

#[test]
fn the_sample_is_small_and_names_no_folder_of_the_machine_that_built_it() {
    let out = tempfile::tempdir().expect("a temporary folder");
    let drivers = all().unwrap_or_else(|error| panic!("{error}"));
    let sample = drivers.iter().find(|driver| driver.name == "sample").expect("the sample");
    let images = [0, 1].map(|run| {
        let out = out.path().join(run.to_string());
        let path = build(&sample.source(), Toolchain::Mingw, &out).unwrap_or_else(|error| panic!("{error}"));
        fs::read(path).expect("the image")
    });
    assert!(images[0].len() < 64 * 1024, "{} bytes", images[0].len());
    assert!(images[0] == images[1], "two builds of the same sources differ");
    let mut folders: Vec<String> =
        [folder(), out.path().to_owned()].map(|dir| dir.display().to_string()).into();
    folders.extend([String::from("/usr/"), std::env::temp_dir().display().to_string()]);
    for folder in folders {
        let found = images[0].windows(folder.len()).any(|bytes| bytes == folder.as_bytes());
        assert!(!found, "the sample names {folder}");
    }
}

#[test]
fn a_source_that_does_not_compile_is_an_error_with_the_compilers_words() {
    let out = tempfile::tempdir().expect("a temporary folder");
    fs::write(out.path().join("driver.c"), "int DriverEntry(void) { return nothing; }").expect("writable");
    let source =
        Source { name: "broken".to_owned(), dir: out.path().to_owned(), files: vec!["driver.c".to_owned()] };
    for toolchain in Toolchain::ALL {
        let error = build(&source, toolchain, &out.path().join("out")).expect_err("refused").to_string();
        assert!(error.contains("broken") && error.contains("nothing"), "{error}");
    }
}
