/*
 * list_prune.c: what a killed process leaves, and how it goes
 *
 * A child publishes a segment and is killed. Its name and its memory stay, as an
 * orphan, until somebody prunes or makes a segment of that name. What is
 * attached, and what is to persist, is never pruned.
 */

#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ndshm.h"

static ndshm_error error = {.struct_size = sizeof(error)};
static char orphan[64], live[64];

static int make(const char *name, ndshm_segment *segment)
{
    ndshm_create_options options = {.struct_size = sizeof(options), .dtype = "f8"};
    return ndshm_segment_create(name, &options, segment, &error) ||
           ndshm_segment_publish(segment, &error);
}

/* Counts those of this program; takes no lock and changes nothing. */
static int32_t count(const char *name, void *user)
{
    *(int *)user += strcmp(name, orphan) == 0 || strcmp(name, live) == 0;
    return 0; /* go on */
}

/* Called with what became of each segment of the machine. */
static int32_t report(const char *name, int32_t what, void *user)
{
    int *good = user;
    if (strcmp(name, orphan) == 0)
        *good += what == NDSHM_PRUNE_REMOVED;
    if (strcmp(name, live) == 0)
        *good += what == NDSHM_PRUNE_LIVE;
    printf("%s: %s\n", name,
           what == NDSHM_PRUNE_REMOVED   ? "was dead, is gone"
           : what == NDSHM_PRUNE_LIVE    ? "somebody has it"
           : what == NDSHM_PRUNE_KEPT    ? "its policy keeps it"
           : what == NDSHM_PRUNE_FOREIGN ? "belongs to somebody else"
                                         : ndshm_strerror(what));
    return 0;
}

int main(void)
{
    ndshm_segment segment = {0};
    int before = 0, pruned = 0, after = 0;
    snprintf(orphan, sizeof(orphan), "orphan.%ld", (long)getpid());
    snprintf(live, sizeof(live), "live.%ld", (long)getpid());

    pid_t child = fork();
    if (child == 0) {
        make(orphan, &segment);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    if (make(live, &segment) || ndshm_segment_list(count, &before, &error) ||
        ndshm_segment_prune(report, &pruned, &error) ||
        ndshm_segment_list(count, &after, &error))
        fprintf(stderr, "failed: %s\n", error.message);
    ndshm_segment_detach(&segment);
    return before == 2 && pruned == 2 && after == 1 ? 0 : 1;
}
