/* Prints the header's numbers and layouts, which a test compares with the library's. */
#include <ntpool.h>
#include <stdio.h>

#define NUMBER(name) printf("%s %lld\n", #name, (long long)(name))
#define TYPE(type) printf("%s %zu\n", #type, sizeof(type))
#define FIELD(type, field) printf("%s.%s %zu %zu\n", #type, #field, offsetof(type, field), sizeof(((type *)0)->field))

int main(void) {
    NUMBER(NTPOOL_OK);
    NUMBER(NTPOOL_NO_MEMORY);
    NUMBER(NTPOOL_TOO_SMALL);
    NUMBER(NTPOOL_BAD_ARGUMENT);
    NUMBER(NTPOOL_VIOLATION);
    NUMBER(NTPOOL_INCONSISTENT);
    NUMBER(NTPOOL_NONPAGED);
    NUMBER(NTPOOL_NONPAGED_EXECUTE);
    NUMBER(NTPOOL_PAGED);
    NUMBER(NTPOOL_PLACE_LIVE);
    NUMBER(NTPOOL_PLACE_FREED);
    NUMBER(NTPOOL_PLACE_UNUSED);
    NUMBER(NTPOOL_PLACE_METADATA);
    NUMBER(NTPOOL_PLACE_OUTSIDE);
    NUMBER(NTPOOL_PAGE_SIZE);
    NUMBER(NTPOOL_NO_TAG);
    NUMBER(NTPOOL_TAG('C', 'n', 'f', '\xFF'));

    TYPE(ntpool_shares);
    FIELD(ntpool_shares, nonpaged);
    FIELD(ntpool_shares, nonpaged_execute);
    FIELD(ntpool_shares, paged);

    TYPE(ntpool_block);
    FIELD(ntpool_block, address);
    FIELD(ntpool_block, size);
    FIELD(ntpool_block, kind);
    FIELD(ntpool_block, tag);

    TYPE(ntpool_tag_count);
    FIELD(ntpool_tag_count, tag);
    FIELD(ntpool_tag_count, kind);
    FIELD(ntpool_tag_count, allocations);
    FIELD(ntpool_tag_count, frees);
    FIELD(ntpool_tag_count, bytes);

    TYPE(ntpool_usage);
    FIELD(ntpool_usage, in_use);
    FIELD(ntpool_usage, committed);
    FIELD(ntpool_usage, limit);

    TYPE(ntpool_violation);
    FIELD(ntpool_violation, status);
    FIELD(ntpool_violation, bug_check);
    FIELD(ntpool_violation, parameters);
    FIELD(ntpool_violation, subject);
    FIELD(ntpool_violation, rule);
    FIELD(ntpool_violation, title);
    return 0;
}
