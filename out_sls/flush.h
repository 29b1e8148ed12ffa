/*
 * One chunk on its way from the engine's thread to Go and back. See flush.c.
 */
#ifndef SLS_FLUSH_H
#define SLS_FLUSH_H

#include <stddef.h>
#include <stdint.h>

/* A call of FLBPluginFlushCtx. It lies on the stack of the caller, which waits until
 * done is 1: whoever sets that uses nothing of it any more. */
struct sls_flush {
    struct sls_flush *next; /* that came later; NULL = none */
    void *ctx;
    void *data; /* the engine's */
    size_t length;
    char *tag;
    uintptr_t thread; /* the caller's, as sls_thread tells */
    int result;
    uint32_t done; /* a futex */
};

/* Opens where flushes wait: from then on they do. Returns a file that becomes readable when
 * the first one comes, or -1 with errno. To be called once in a process. */
int sls_flushes_open(void);

/* Takes all that wait, in the order in which they came; NULL = none. */
struct sls_flush *sls_flushes_take(void);

/* Ends f: its caller returns result to the engine. */
void sls_flush_end(struct sls_flush *f, int result);

#endif
