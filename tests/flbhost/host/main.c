/*
 * main.c: the engine's main thread. The reader thread queues the driver's
 * requests, the pipeline thread (main) obeys them one by one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "flbhost.h"

struct options options;

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER; /* guards queue_* */
static pthread_cond_t queue_cond = PTHREAD_COND_INITIALIZER;
static struct request *queue_first, *queue_last;

static void *reader_main(void *arg)
{
    for (;;) {
        struct request *r = frame_read();
        pthread_mutex_lock(&queue_lock);
        if (queue_first == NULL) {
            queue_first = r;
        }
        else {
            queue_last->next = r;
        }
        queue_last = r;
        pthread_cond_signal(&queue_cond);
        pthread_mutex_unlock(&queue_lock);
    }
    return arg;
}

static struct request *next_request(void)
{
    struct request *r;

    pthread_mutex_lock(&queue_lock);
    while (queue_first == NULL) {
        pthread_cond_wait(&queue_cond, &queue_lock);
    }
    r = queue_first;
    queue_first = r->next;
    pthread_mutex_unlock(&queue_lock);
    return r;
}

/* argv: workers, log level, collect interval in us, legacy, hot reload, stack
 * size in bytes, opaque, no append. Only the driver starts this program. */
int main(int argc, char **argv)
{
    pthread_t reader;
    bool running = true;

    if (argc != 9 || fcntl(REQ_FD, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(EVENT_FD, F_SETFD, FD_CLOEXEC) != 0) {
        fprintf(stderr, "flbhost: started by hand; use the Go package of that name\n");
        return 2;
    }
    options.workers = atoi(argv[1]);
    options.log_level = level_of(argv[2]);
    options.interval_us = atol(argv[3]);
    options.legacy = atoi(argv[4]) != 0;
    options.hot_reload = atoi(argv[5]) != 0;
    options.stack_size = (size_t) atol(argv[6]);
    options.opaque = atoi(argv[7]) != 0;
    options.no_append = atoi(argv[8]) != 0;
    if (!options.no_append && !append_export()) {
        return 2;
    }
    pthread_setname_np(pthread_self(), "flb-pipeline");
    signals_init();
    signal(SIGPIPE, SIG_IGN);
    frame_done(0, NULL);
    if (pthread_create(&reader, NULL, reader_main, NULL) != 0) {
        abort();
    }
    while (running) {
        struct request *r = next_request();
        running = obey(r);
        free(r->body);
        free(r);
    }
    return 0;
}
