/*
 * frame.c: requests in, answers and events out. The driver is trusted with
 * the format; a frame that does not parse ends the process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "flbhost.h"

enum { HEADER = 4 + 1 + 8, MAX_FRAME = 1 << 30 };

/* Serialises whole frames: worker, input and plugin threads all write. */
static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

static void bad_frame(const char *what)
{
    fprintf(stderr, "flbhost: bad request frame: %s\n", what);
    _exit(2);
}

/* Without a driver there is nobody to work for: the process ends at once, as
 * by SIGKILL, so that no host outlives its test. */
static void driver_gone(void)
{
    _exit(3);
}

static void read_full(void *to, size_t size)
{
    char *p = to;

    while (size > 0) {
        ssize_t n = read(REQ_FD, p, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            driver_gone();
        }
        p += n;
        size -= (size_t) n;
    }
}

static uint64_t little(const unsigned char *p, int bytes)
{
    uint64_t v = 0;

    while (bytes-- > 0) {
        v = v << 8 | p[bytes];
    }
    return v;
}

struct request *frame_read(void)
{
    unsigned char head[HEADER];
    struct request *r = must_alloc(sizeof(*r));
    uint64_t size;

    read_full(head, sizeof(head));
    size = little(head, 4);
    if (size < HEADER - 4 || size > MAX_FRAME) {
        bad_frame("length");
    }
    r->kind = head[4];
    r->id = little(head + 5, 8);
    r->size = size - (HEADER - 4);
    r->body = must_alloc(r->size + 1);
    read_full(r->body, r->size);
    return r;
}

uint32_t take_u32(struct request *r)
{
    uint32_t v;

    if (r->size - r->at < 4) {
        bad_frame("number");
    }
    v = (uint32_t) little(r->body + r->at, 4);
    r->at += 4;
    return v;
}

/* The result aliases the request and has no final NUL. */
char *take_string(struct request *r, size_t *size)
{
    char *s;

    *size = take_u32(r);
    if (r->size - r->at < *size) {
        bad_frame("string");
    }
    s = (char *) r->body + r->at;
    r->at += *size;
    return s;
}

static void put(struct payload *p, const void *data, size_t size)
{
    if (p->size + size > p->cap) {
        p->cap = (p->size + size) * 2;
        p->data = realloc(p->data, p->cap);
        if (p->data == NULL) {
            abort();
        }
    }
    memcpy(p->data + p->size, data, size);
    p->size += size;
}

void put_u32(struct payload *p, uint32_t v)
{
    unsigned char b[4] = {v & 0xff, v >> 8 & 0xff, v >> 16 & 0xff, v >> 24};

    put(p, b, sizeof(b));
}

static void put_bytes(struct payload *p, const char *s, size_t size)
{
    put_u32(p, (uint32_t) size);
    if (size > 0) {
        put(p, s, size);
    }
}

void put_string(struct payload *p, const char *s)
{
    put_bytes(p, s, s == NULL ? 0 : strlen(s));
}

static void write_full(struct iovec *v, int n)
{
    while (n > 0) {
        ssize_t done = writev(EVENT_FD, v, n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            driver_gone();
        }
        while (n > 0 && (size_t) done >= v->iov_len) {
            done -= (ssize_t) v->iov_len;
            v++;
            n--;
        }
        if (n > 0) {
            v->iov_base = (char *) v->iov_base + done;
            v->iov_len -= (size_t) done;
        }
    }
}

static void frame_write(int kind, uint64_t id, struct payload *start, const void *rest, size_t size)
{
    struct payload head = {0};
    unsigned char fixed[9] = {(unsigned char) kind};
    struct iovec v[3];

    for (int i = 0; i < 8; i++) {
        fixed[1 + i] = id >> (8 * i) & 0xff;
    }
    put_u32(&head, (uint32_t) (sizeof(fixed) + start->size + size));
    put(&head, fixed, sizeof(fixed));
    v[0] = (struct iovec){head.data, head.size};
    v[1] = (struct iovec){start->data, start->size};
    v[2] = (struct iovec){(void *) rest, size};
    pthread_mutex_lock(&write_lock);
    write_full(v, 3);
    pthread_mutex_unlock(&write_lock);
    free(head.data);
    free(start->data);
}

void frame_done(uint64_t id, struct payload *p)
{
    struct payload none = {0};

    frame_write(EV_DONE, id, p == NULL ? &none : p, NULL, 0);
}

void frame_error(uint64_t id, const char *text)
{
    struct payload p = {0};

    put_string(&p, text);
    frame_write(EV_ERROR, id, &p, NULL, 0);
}

void frame_log(const char *line, size_t size)
{
    struct payload p = {0};

    put_u32(&p, (uint32_t) size);
    frame_write(EV_LOG, 0, &p, line, size);
}

void frame_data(uint32_t instance, uint64_t at, const char *tag, size_t tag_size, const void *data,
                size_t size)
{
    struct payload p = {0};

    put_u32(&p, instance);
    put_u32(&p, (uint32_t) at);
    put_u32(&p, (uint32_t) (at >> 32));
    put_bytes(&p, tag, tag_size);
    frame_write(EV_DATA, 0, &p, data, size);
}
