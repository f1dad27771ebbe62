/*
 * What the programs here share: errors, a folder for files, and what a call may
 * have left behind.
 */

#ifndef CHECK_H
#define CHECK_H

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../expect.h"
#include "ndshm.h"

/* Begins the names of this process's segments. */
static char prefix[64];
/* For files; made by make_folder, removed by remove_folder. */
static char folder[] = "/tmp/ndshm-test.XXXXXX";
static ndshm_error error = {.struct_size = sizeof(error)};

#define GOOD(call) good(__LINE__, call)

static inline void good(int line, int32_t status)
{
    if (status != NDSHM_OK) {
        fprintf(stderr, "line %d: %d: %s\n", line, (int)status, error.message);
        exit(1);
    }
}

/* The call fails with `status`, and its message has `part` in it. */
#define FAILS(status, part, call) fails(__LINE__, status, part, call)
#define REFUSED(part, call) FAILS(NDSHM_ERR_ARGUMENT, part, call)

static inline void fails(int line, int32_t wanted, const char *part, int32_t status)
{
    if (status != wanted || error.code != wanted || strstr(error.message, part) == NULL) {
        fprintf(stderr, "line %d: %d, not %d: %s\n", line, (int)status, (int)wanted,
                error.message);
        exit(1);
    }
}

static inline int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    EXPECT(dir != NULL);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* Names in /dev/shm that this program makes. Behind its number is no digit more: that would be
 * another program's, which runs beside this one. */
static inline int count_names(void)
{
    DIR *dir = opendir("/dev/shm");
    struct dirent *entry;
    int n = 0;
    EXPECT(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        const char *found = strstr(entry->d_name, prefix);
        n += found != NULL && !isdigit((unsigned char)found[strlen(prefix)]);
    }
    closedir(dir);
    return n;
}

/* No name, no descriptor more than `descriptors`, no child. */
static inline int nothing_left(int descriptors)
{
    return count_names() == 0 && count_entries("/proc/self/fd") == descriptors &&
           waitpid(-1, NULL, __WALL) == -1 && errno == ECHILD;
}

static inline void make_folder(void)
{
    EXPECT(mkdtemp(folder) != NULL);
}

/* A path in the folder; it stays for the next 63 calls. */
static inline const char *in_folder(const char *name)
{
    static char paths[64][128];
    static int next;
    char *path = paths[next++ % 64];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* A file with `text` in it. */
static inline const char *file(const char *name, const char *text)
{
    const char *path = in_folder(name);
    FILE *out = fopen(path, "w");
    EXPECT(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
    return path;
}

/* A file of `rows` rows: the row's number, and half of it. */
static inline const char *table(const char *name, long rows)
{
    const char *path = in_folder(name);
    FILE *out = fopen(path, "w");
    EXPECT(out != NULL);
    for (long i = 0; i < rows; i++)
        EXPECT(fprintf(out, "%ld %ld.%d\n", i, i / 2, i % 2 == 0 ? 0 : 5) > 0);
    EXPECT(fclose(out) == 0);
    return path;
}

static inline void remove_folder(void)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    EXPECT(dir != NULL);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            EXPECT(unlink(in_folder(entry->d_name)) == 0);
    closedir(dir);
    EXPECT(rmdir(folder) == 0);
}

#endif
