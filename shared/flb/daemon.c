/*
 * daemon.c: Fluent Bit's daemon mode (`daemon on`, -d) forks after it has loaded
 * the plugins and before it starts them. A fork copies one thread of a process, and
 * Go's runtime cannot go on without its others: a plugin would start, and ship
 * nothing. So it refuses, before any Go code runs in the child. Nobody reads what the
 * child logs, as its standard error is closed. The parent would only end with status
 * 0; instead it says why, and fails.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

#define REFUSAL                                                                            \
    "Fluent Bit's daemon mode (daemon on, -d) is not possible with this plugin: it "     \
    "forks after the plugin is loaded, and the threads of a plugin in Go do not survive "  \
    "that. Start Fluent Bit without it, by systemd, as a container or with &"

static pid_t loaded_by; /* the process that has loaded the plugin */
static int forks;       /* how often that process has forked */
static int begun;       /* a section was started in it */

static void count_fork(void)
{
    forks++;
}

/* Ends the parent of a daemon. Others that fork, or end before a section was
 * started, as a dry run does, come here too. */
static void end_parent(int status, void *arg)
{
    static const char line[] = "[error] [sls] " REFUSAL "\n";

    (void) arg;
    if (status != 0 || begun || forks == 0 || getpid() != loaded_by) {
        return;
    }
    fflush(NULL);
    (void) !write(STDERR_FILENO, line, sizeof(line) - 1);
    _exit(EXIT_FAILURE);
}

__attribute__((constructor)) static void note_process(void)
{
    loaded_by = getpid();
    pthread_atfork(NULL, count_fork, NULL);
    on_exit(end_parent, NULL);
}

int sls_may_start(void *plugin, int direction)
{
    struct sls_plugin *p = plugin;
    const char *name;

    begun = 1;
    if (getpid() == loaded_by) {
        return 1;
    }
    name = sls_instance_name(p->instance, direction);
    p->api->log_print(SLS_LOG_ERROR, NULL, 0, "[%s:sls:%s] " REFUSAL,
                      direction == SLS_OUTPUT ? "output" : "input", name != NULL ? name : "sls");
    return 0;
}
