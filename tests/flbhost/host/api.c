/*
 * api.c: struct flb_api, the functions a plugin calls back: its properties
 * and the engine's log.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "flbhost.h"

/* The engine cuts a log message, header included, to this many bytes. */
enum { LOG_MESSAGE = 4096 - sizeof(size_t) };

/* Names the engine takes for itself, so that a plugin reads nothing; a final
 * '*' stands for any ending. */
static const char *const reserved_output[] = {
    "name", "match", "match_regex", "alias", "log_level", "log_suppress_interval", "host",
    "port", "ipv6", "retry_limit", "workers", "storage.total_limit_size", "net.*", "oauth2*",
    "tls", "tls.verify", "tls.verify_hostname", "tls.debug", "tls.vhost", "tls.ca_path",
    "tls.ca_file", "tls.crt_file", "tls.key_file", "tls.key_passwd", "tls.min_version",
    "tls.max_version", "tls.ciphers", "tls.proxy.*", "tls.windows.*", NULL,
};
static const char *const reserved_input[] = {
    "name", "tag", "alias", "log_level", "log_suppress_interval", "routable", "mem_buf_limit",
    "listen", "host", "port", "ipv6", "net.*", "oauth2*", "tls*", "storage.type",
    "storage.pause_on_chunks_overlimit", "threaded", "thread.*", "rate_window", "rate_gate*",
    NULL,
};

static bool matches(const char *const *names, const char *key)
{
    for (; *names != NULL; names++) {
        size_t size = strlen(*names);
        if ((*names)[size - 1] == '*' ? strncasecmp(*names, key, size - 1) == 0
                                      : strcasecmp(*names, key) == 0) {
            return true;
        }
    }
    return false;
}

int level_of(const char *name)
{
    static const char *const names[] = {"off", "error", "warn", "info", "debug", "trace"};

    for (int i = 0; i <= LEVEL_TRACE; i++) {
        if (strcasecmp(names[i], name) == 0) {
            return i;
        }
    }
    return strcasecmp("warning", name) == 0 ? LEVEL_WARN : -1;
}

/* What the engine does with the reserved names that matter to a Go plugin. */
static bool reserved_set(struct instance *ins, const char *key, const char *value, char *err,
                         size_t err_size)
{
    bool output = plugin_type(ins->plugin) == PROXY_OUTPUT;

    if (strcasecmp(key, "log_level") == 0) {
        ins->log_level = level_of(value);
        if (ins->log_level < 0) {
            snprintf(err, err_size, "log_level: unknown level '%s'", value);
            return false;
        }
    }
    else if (strcasecmp(key, "alias") == 0) {
        snprintf(ins->name, sizeof(ins->name), "%s", value);
    }
    else if (output && strcasecmp(key, "workers") == 0) {
        ins->workers = atoi(value);
    }
    else if (strcasecmp(key, "tls") == 0 &&
             (strcasecmp(value, "on") == 0 || strcasecmp(value, "true") == 0 ||
              strcasecmp(value, "yes") == 0)) {
        snprintf(err, err_size, "tls: %s does not support TLS", ins->name);
        return false;
    }
    else if (!output && strncasecmp(key, "net.", 4) == 0) {
        snprintf(err, err_size, "%s: net.* on an input crashes fluent bit", key);
        return false;
    }
    return true;
}

/* Takes over key and value. */
bool property_set(struct instance *ins, char *key, char *value, char *err, size_t err_size)
{
    bool output = plugin_type(ins->plugin) == PROXY_OUTPUT, ok = true;
    struct mk_list *last = ins->properties.prev;
    struct flb_kv *kv;

    if (matches(output ? reserved_output : reserved_input, key)) {
        if (value[0] != '\0') {
            ok = reserved_set(ins, key, value, err, err_size);
        }
        free(key);
        free(value);
        return ok;
    }
    if (value[0] == '\0') {
        free(value);
        value = NULL;
    }
    kv = must_alloc(sizeof(*kv));
    kv->key = key;
    kv->val = value;
    kv->_head.next = &ins->properties;
    /* Opaque: a list of another make, which only this file can walk. */
    kv->_head.prev = options.opaque ? NULL : last;
    last->next = &kv->_head;
    ins->properties.prev = &kv->_head;
    return true;
}

const char *property_get(struct instance *ins, const char *key)
{
    if (key == NULL || ins == NULL) {
        return NULL;
    }
    for (struct mk_list *l = ins->properties.next; l != &ins->properties; l = l->next) {
        if (strcasecmp(property_of(l)->key, key) == 0) {
            return property_of(l)->val;
        }
    }
    return NULL;
}

static const char *api_get_property(const char *key, void *instance)
{
    return property_get(instance, key);
}

/* No cmetrics here: a plugin must do without. */
static void *api_get_cmt_instance(void *instance)
{
    (void) instance;
    return NULL;
}

static int api_log_check(void *instance, int level)
{
    return ((struct instance *) instance)->log_level >= level;
}

static const char *level_title(int level)
{
    switch (level) {
    case LEVEL_ERROR:
        return "error";
    case LEVEL_WARN:
        return "warn";
    case LEVEL_INFO:
        return "info";
    case LEVEL_DEBUG:
        return "debug";
    case LEVEL_TRACE:
        return "trace";
    }
    return "unknown";
}

static void log_line(int level, const char *fmt, va_list args)
{
    char line[LOG_MESSAGE];
    struct timespec now;
    struct tm tm;
    int head, body;
    size_t room;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    head = snprintf(line, sizeof(line), "[%i/%02i/%02i %02i:%02i:%02i.%03ld] [%5s] ",
                    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                    tm.tm_sec, now.tv_nsec / 1000000, level_title(level));
    room = sizeof(line) - 2 - (size_t) head;
    body = vsnprintf(line + head, room, fmt, args);
    if (body < 0) {
        return;
    }
    frame_log(line, (size_t) head + ((size_t) body < room ? (size_t) body : room - 1));
}

/* Prints whatever the level: the caller has asked the log_check before. */
static void api_log_print(int level, const char *file, int source_line, const char *fmt, ...)
{
    va_list args;

    (void) file;
    (void) source_line;
    va_start(args, fmt);
    log_line(level, fmt, args);
    va_end(args);
}

void host_log(int level, const char *fmt, ...)
{
    va_list args;

    if (options.log_level < level) {
        return;
    }
    va_start(args, fmt);
    log_line(level, fmt, args);
    va_end(args);
}

struct flb_api *api_new(void)
{
    struct flb_api *api = must_alloc(sizeof(*api));

    api->output_get_property = api_get_property;
    api->input_get_property = api_get_property;
    api->output_get_cmt_instance = api_get_cmt_instance;
    api->input_get_cmt_instance = api_get_cmt_instance;
    api->log_print = api_log_print;
    api->input_log_check = api_log_check;
    api->output_log_check = api_log_check;
    api->custom_get_property = api_get_property;
    api->custom_log_check = api_log_check;
    return api;
}
