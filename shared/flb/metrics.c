#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

#include "engine.h"
#include "metrics.h"

/* A cast between object and function pointers that ISO C allows. */
static int find(const char *symbol, void *function)
{
    void *address = dlsym(RTLD_DEFAULT, symbol);

    memcpy(function, &address, sizeof(address));
    return address == NULL ? -1 : 0;
}

int sls_metrics_find(struct sls_metrics *m, void *api, void *instance, int direction)
{
    struct sls_api *a = api;
    void *(*context)(void *) = direction == SLS_OUTPUT ? a->output_get_cmt_instance
                                                       : a->input_get_cmt_instance;

    /* An engine built without metrics leaves the function out. */
    if (context == NULL || (m->cmt = context(instance)) == NULL) {
        return -1;
    }
    if (find("cmt_counter_create", &m->counter_create) != 0 ||
        find("cmt_counter_set", &m->counter_set) != 0 ||
        find("cmt_gauge_create", &m->gauge_create) != 0 ||
        find("cmt_gauge_set", &m->gauge_set) != 0 ||
        find("cmt_histogram_buckets_create_size", &m->buckets_create) != 0 ||
        find("cmt_histogram_create", &m->histogram_create) != 0 ||
        find("cmt_histogram_set_default", &m->histogram_set) != 0) {
        return -1;
    }
    return 0;
}

void *sls_metrics_family(struct sls_metrics *m, struct sls_family *f)
{
    void *buckets;

    switch (f->kind) {
    case SLS_COUNTER:
        return m->counter_create(m->cmt, "fluentbit", f->subsystem, f->name, f->help,
                                 f->label_count, f->label_keys);
    case SLS_GAUGE:
        return m->gauge_create(m->cmt, "fluentbit", f->subsystem, f->name, f->help,
                               f->label_count, f->label_keys);
    default:
        /* The histogram owns the buckets, also when it cannot be created. */
        buckets = m->buckets_create(f->bounds, f->bound_count);
        if (buckets == NULL) {
            return NULL;
        }
        return m->histogram_create(m->cmt, "fluentbit", f->subsystem, f->name, f->help, buckets,
                                   f->label_count, f->label_keys);
    }
}

void sls_metrics_set(struct sls_metrics *m, int kind, void *family, uint64_t timestamp,
                     double value, int label_count, char **labels)
{
    if (kind == SLS_COUNTER) {
        m->counter_set(family, timestamp, value, label_count, labels);
    }
    else {
        m->gauge_set(family, timestamp, value, label_count, labels);
    }
}

void sls_metrics_observe(struct sls_metrics *m, void *family, uint64_t timestamp,
                         uint64_t *buckets, double sum, uint64_t count, int label_count,
                         char **labels)
{
    m->histogram_set(family, timestamp, buckets, sum, count, label_count, labels);
}
