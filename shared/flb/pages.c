/*
 * pages.c: what loading and starting the plugin has read of its file is given back. The
 * dynamic linker reads all relocations, Go's runtime a table of all functions, and the
 * kernel maps 64 KiB around each page that is touched: 11 MB. Most of it is never used
 * again, but would count as resident for as long as the agent runs. What is used comes back
 * from the page cache.
 */
#define _GNU_SOURCE
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"

/* The whole pages of a segment. */
struct pages {
    uintptr_t from, to;
};

static struct pages pages_of(const struct dl_phdr_info *object, const ElfW(Phdr) *segment)
{
    uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE), at = object->dlpi_addr + segment->p_vaddr;
    struct pages p = {(at + page - 1) / page * page, (at + segment->p_memsz) / page * page};

    return p;
}

static int holds(const struct dl_phdr_info *object, uintptr_t address)
{
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *s = &object->dlpi_phdr[i];
        if (s->p_type == PT_LOAD && address - (object->dlpi_addr + s->p_vaddr) < s->p_memsz) {
            return 1;
        }
    }
    return 0;
}

/* Gives back the segments of the plugin that nobody can have written to: their pages are
 * those of the file. Relocated data lies in a segment that is writable. */
static int give_back(struct dl_phdr_info *object, size_t size, void *inside)
{
    (void) size;
    if (!holds(object, (uintptr_t) inside)) {
        return 0; /* another library */
    }
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *s = &object->dlpi_phdr[i];
        struct pages p = pages_of(object, s);
        if (s->p_type == PT_LOAD && !(s->p_flags & PF_W) && p.from < p.to) {
            /* Where it is not possible the pages stay. */
            (void) madvise((void *) p.from, p.to - p.from, MADV_DONTNEED);
        }
    }
    return 1;
}

void sls_give_back(void)
{
    dl_iterate_phdr(give_back, (void *) (uintptr_t) sls_give_back);
}
