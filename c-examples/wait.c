/*
 * wait.c: waits for a segment with a deadline, and what the answers mean
 *
 * Three times a child process is to make a segment: it never does, it does, and
 * it dies half-way. Nobody waits for ever, and nobody sees half of the data.
 */

#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ndshm.h"

static char name[64];
static ndshm_error error = {.struct_size = sizeof(error)};

/* Starts to make a segment whose name is visible at once, so that others can
 * know that it is on its way. */
static int begin(ndshm_segment *segment)
{
    ndshm_create_options options = {.struct_size = sizeof(options)};
    options.dtype = "i4";
    options.via = NDSHM_VIA_SHM_OPEN;
    return ndshm_segment_create(name, &options, segment, &error);
}

/* The good child: 50 ms later it is there. */
static int makes_it(void)
{
    const struct timespec pause = {0, 50000000};
    ndshm_segment segment = {0};
    if (begin(&segment))
        return 1;
    nanosleep(&pause, NULL);
    *(int32_t *)ndshm_segment_data_mut(&segment) = 42;
    if (ndshm_segment_publish(&segment, &error))
        return 1;
    /* Stays until the parent has it, or is gone. */
    for (int i = 0; i < 500 && ndshm_segment_refcount(&segment) < 2; i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    return ndshm_segment_detach(&segment) != NDSHM_OK;
}

/* The other child: dies before it publishes. */
static int dies(void)
{
    ndshm_segment segment = {0};
    if (begin(&segment) == NDSHM_OK)
        raise(SIGKILL);
    return 1;
}

static pid_t start(int (*job)(void))
{
    pid_t child = fork();
    if (child == 0)
        _exit(job());
    return child;
}

/* Waits for the segment; the status that comes out. */
static int32_t wait_for_it(uint32_t timeout_ms)
{
    ndshm_attach_options options = {.struct_size = sizeof(options), .timeout_ms = timeout_ms};
    ndshm_segment segment = {0};
    int32_t status = ndshm_segment_attach(name, &options, &segment, &error);
    if (status == NDSHM_OK)
        printf("there: %d\n", (int)*(const int32_t *)ndshm_segment_data(&segment));
    else
        printf("not there: %s\n", error.message);
    ndshm_segment_detach(&segment);
    return status;
}

int main(void)
{
    int good = 1;
    snprintf(name, sizeof(name), "wait.%ld", (long)getpid());

    /* Nobody makes it: the deadline passes. */
    good &= wait_for_it(100) == NDSHM_ERR_NOT_FOUND;

    /* A child makes it: attach returns as soon as it is complete. */
    pid_t child = start(makes_it);
    good &= wait_for_it(10000) == NDSHM_OK;
    waitpid(child, NULL, 0);

    /* The creator died: attach says so, long before the deadline. */
    child = start(dies);
    waitpid(child, NULL, 0);
    good &= wait_for_it(10000) == NDSHM_ERR_CREATOR_DIED;
    return good ? 0 : 1;
}
