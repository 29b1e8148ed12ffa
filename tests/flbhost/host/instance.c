/*
 * instance.c: what inputs and outputs have in common: name, properties, the
 * context struct the plugin may put its own pointer into.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flbhost.h"

static void *context_new(struct plugin *p)
{
    if (plugin_type(p) == PROXY_OUTPUT) {
        struct output_context *c = must_alloc(sizeof(*c));
        c->proxy = &p->proxy;
        return c;
    }
    if (options.legacy) {
        struct input_context_legacy *c = must_alloc(sizeof(*c));
        c->proxy = &p->proxy;
        return c;
    }
    struct input_context *c = must_alloc(sizeof(*c));
    c->proxy = &p->proxy;
    return c;
}

static char *take_copy(struct request *r)
{
    size_t size;
    const char *s = take_string(r, &size);
    char *copy = must_alloc(size + 1);

    memcpy(copy, s, size);
    return copy;
}

/* Reads the properties from what is left of r; the caller starts the result. */
struct instance *instance_new(struct plugin *p, struct request *r, char *err, size_t err_size)
{
    struct instance *ins = must_alloc(sizeof(*ins));
    uint32_t n = take_u32(r);

    ins->plugin = p;
    ins->log_level = options.log_level;
    ins->workers = options.workers;
    snprintf(ins->name, sizeof(ins->name), "%s.%d", p->proxy.def->name, p->instances++);
    ins->context = context_new(p);
    ins->properties.prev = ins->properties.next = &ins->properties;
    for (; n > 0; n--) {
        char *key = take_copy(r);
        char *value = take_copy(r);
        if (!property_set(ins, key, value, err, err_size)) {
            instance_free(ins);
            return NULL;
        }
    }
    return ins;
}

void instance_free(struct instance *ins)
{
    while (ins->properties.next != &ins->properties) {
        struct flb_kv *kv = property_of(ins->properties.next);
        ins->properties.next = kv->_head.next;
        free(kv->key);
        free(kv->val);
        free(kv);
    }
    free(ins->context);
    free(ins);
}
