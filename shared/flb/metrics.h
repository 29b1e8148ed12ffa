/*
 * The engine's own metrics: the functions of cmetrics that its binary exports,
 * and the metrics context of an instance. Signatures: cmt_counter.h, cmt_gauge.h
 * and cmt_histogram.h of the cmetrics in Fluent Bit v2.0 to v5.1.
 */
#ifndef SLS_FLB_METRICS_H
#define SLS_FLB_METRICS_H

#include <stddef.h>
#include <stdint.h>

enum sls_kind { SLS_COUNTER = 0, SLS_GAUGE = 1, SLS_HISTOGRAM = 2 };

struct sls_metrics {
    void *cmt; /* of the instance, dies with it */

    void *(*counter_create)(void *cmt, char *ns, char *subsystem, char *name, char *help,
                            int label_count, char **label_keys);
    int (*counter_set)(void *counter, uint64_t timestamp, double value, int labels_count,
                       char **label_vals);
    void *(*gauge_create)(void *cmt, char *ns, char *subsystem, char *name, char *help,
                          int label_count, char **label_keys);
    int (*gauge_set)(void *gauge, uint64_t timestamp, double value, int labels_count,
                     char **label_vals);
    void *(*buckets_create)(double *bounds, size_t count);
    void *(*histogram_create)(void *cmt, char *ns, char *subsystem, char *name, char *help,
                              void *buckets, int label_count, char **label_keys);
    int (*histogram_set)(void *histogram, uint64_t timestamp, uint64_t *buckets, double sum,
                         uint64_t count, int labels_count, char **label_vals);
};

struct sls_family {
    int kind;
    char *subsystem, *name, *help;
    int label_count;
    char **label_keys;
    size_t bound_count;
    double *bounds;
};

/* Fills m. Returns 0, or -1 when the host has no metrics. */
int sls_metrics_find(struct sls_metrics *m, void *api, void *instance, int direction);

/* Declares a family; everything in f is copied. Returns NULL without memory. */
void *sls_metrics_family(struct sls_metrics *m, struct sls_family *f);

/* Sets a counter or gauge; the series is created when it is new. */
void sls_metrics_set(struct sls_metrics *m, int kind, void *family, uint64_t timestamp,
                     double value, int label_count, char **labels);

/* Sets a histogram; buckets are cumulative and one more than the bounds. */
void sls_metrics_observe(struct sls_metrics *m, void *family, uint64_t timestamp,
                         uint64_t *buckets, double sum, uint64_t count, int label_count,
                         char **labels);

#endif
