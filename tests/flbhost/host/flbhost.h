/*
 * flbhost plays the part of Fluent Bit that a Go plugin sees. One process is
 * one engine: a pipeline thread (main.c) obeys the driver's requests in order,
 * every input instance and every output worker has a thread of its own.
 */
#ifndef FLBHOST_H
#define FLBHOST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

enum { REQ_FD = 3, EVENT_FD = 4 };

/* Frames, both ways: u32 length of what follows, u8 kind, u64 id, payload.
 * Numbers are little-endian; a string is a u32 length and its bytes. */
enum {
    REQ_LOAD = 1,   /* path */
    REQ_INIT = 2,   /* u32 plugin, u32 n, n * (key, value) */
    REQ_FLUSH = 3,  /* u32 instance, tag, chunk */
    REQ_PAUSE = 4,  /* u32 instance or ALL_INSTANCES, u32 whether to wait */
    REQ_RESUME = 5, /* as REQ_PAUSE */
    REQ_RELOAD = 6,
    REQ_EXIT = 7,
    REQ_RING = 8,   /* u32 instance, u32 whether the ring is full */
    REQ_FAIL = 9,   /* u32 instance, u32 appends that fail */
    REQ_FLUSH_FILE = 10, /* u32 instance, tag, path of the chunk's file */
    EV_DONE = 0x81,  /* what the request answers; id 0: the host is up */
    EV_ERROR = 0x82, /* text */
    EV_LOG = 0x83,   /* line */
    EV_DATA = 0x84,  /* u32 instance, u64 time, tag, the buffer (rest of the frame) */
};
#define ALL_INSTANCES UINT32_MAX

struct options {
    int workers;
    int log_level;
    long interval_us;
    bool legacy;
    bool hot_reload;
    size_t stack_size;
    bool opaque;
    bool no_append;
};

struct plugin {
    struct flb_plugin_proxy proxy; /* first: what contexts point to */
    uint32_t id;
    char *path;
    int instances; /* numbers the next instance's name */
};

struct worker;

struct instance {
    uint32_t id;
    char name[128];
    struct plugin *plugin;
    struct mk_list properties; /* of struct flb_kv */
    void *context;
    int log_level;
    /* output */
    int workers;
    int next_worker;
    struct worker *pool;
    /* input */
    pthread_t thread;
    int commands[2]; /* pipe: what the pipeline tells the instance's thread */
    int timer;
    int loop; /* epoll, as the engine's: a plugin may look at it */
    atomic_bool collecting;
    atomic_bool ring_full;
    atomic_uint failing; /* appends that fail from now on */
    pthread_mutex_t ready_lock; /* guards ready */
    pthread_cond_t ready_cond;
    int ready; /* 0 not yet, 1 running, -1 init failed */
};

/* A block that ends at an inaccessible page, and is inaccessible as a whole
 * once it is retired. Of a file it is the mapping of that, and ends where the
 * file does. */
struct guarded {
    void *data;
    size_t size;
    void *map;
    size_t map_size;
    bool file;
};

struct flush {
    uint64_t id;
    struct instance *ins;
    struct guarded chunk;
    struct guarded tag;
    int ret;
    struct flush *next;
};

/* One request, as read from the driver; the cursor moves as fields are taken. */
struct request {
    uint8_t kind;
    uint64_t id;
    unsigned char *body;
    size_t size;
    size_t at;
    struct request *next;
};

/* A payload under construction. */
struct payload {
    unsigned char *data;
    size_t size;
    size_t cap;
};

extern struct options options;
extern atomic_bool ingestion_active;
extern atomic_int hot_reloading;

/* engine.c */
void signals_init(void);
bool obey(struct request *r);

/* frame.c */
struct request *frame_read(void);
uint32_t take_u32(struct request *r);
char *take_string(struct request *r, size_t *size);
void put_u32(struct payload *p, uint32_t v);
void put_string(struct payload *p, const char *s);
void frame_done(uint64_t id, struct payload *p);
void frame_error(uint64_t id, const char *text);
void frame_log(const char *line, size_t size);
void frame_data(uint32_t instance, uint64_t at, const char *tag, size_t tag_size, const void *data,
                size_t size);

/* memory.c */
void *must_alloc(size_t size);
char *must_copy(const char *s);
struct guarded guarded_new(const void *data, size_t size);
bool guarded_file(struct guarded *g, const char *path);
void guarded_retire(struct guarded *g);
size_t on_coroutine(void (*fn)(void *), void *arg, size_t stack_size);

/* The entry that a link of an instance's properties is in. */
static inline struct flb_kv *property_of(struct mk_list *l)
{
    return (struct flb_kv *) ((char *) l - offsetof(struct flb_kv, _head));
}

/* api.c */
struct flb_api *api_new(void);
void host_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int level_of(const char *name);
const char *property_get(struct instance *ins, const char *key);
bool property_set(struct instance *ins, char *key, char *value, char *err, size_t err_size);

/* plugin.c */
struct plugin *plugin_load(const char *path, char *err, size_t err_size);
void plugin_unload(struct plugin *p);
void *plugin_symbol(struct plugin *p, const char *name);
int plugin_type(const struct plugin *p);

/* instance.c */
struct instance *instance_new(struct plugin *p, struct request *r, char *err, size_t err_size);
void instance_free(struct instance *ins);

/* output.c */
bool output_start(struct instance *ins);
void output_flush(struct flush *f);
void output_stop(struct instance *ins, int by_reload);

/* input.c */
bool input_start(struct instance *ins);
void input_pause(struct instance *ins, bool pause, bool wait);
void input_stop(struct instance *ins, int by_reload);
bool append_export(void);

#endif
