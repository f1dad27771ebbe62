/* Prints the sum of a segment's float64 elements, with nothing but POSIX and flock:
 *
 *     cc -o plain_reader plain_reader.c && ./plain_reader NAME
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void need(int holds, const char *what)
{
    if (!holds) { fprintf(stderr, "plain_reader: %s\n", what); exit(1); }
}

static uint16_t u16(const unsigned char *at) { uint16_t v; memcpy(&v, at, sizeof v); return v; }
static uint32_t u32(const unsigned char *at) { uint32_t v; memcpy(&v, at, sizeof v); return v; }
static uint64_t u64(const unsigned char *at) { uint64_t v; memcpy(&v, at, sizeof v); return v; }

int main(int argc, char **argv)
{
    char name[256];
    unsigned char head[256], node[32];
    struct stat now;
    need(argc == 2 && snprintf(name, sizeof name, "/ndshm.%s", argv[1]) < 256, "one name, please");
    int fd = shm_open(name, O_RDONLY, 0);
    need(fd >= 0 && flock(fd, LOCK_SH) == 0, "no such segment");
    need(fstat(fd, &now) == 0 && now.st_nlink > 0, "it was removed just now");
    need(pread(fd, head, 256, 0) == 256 && memcmp(head, "\x89NDSHM\r\n", 8) == 0, "no segment");
    need(u32(head + 8) == 0x01020304, "another byte order");
    need(u16(head + 12) == 1 && u32(head + 16) == 0, "a newer format");
    need(u32(head + 64) == 1, "not ready");
    uint64_t total = u64(head + 40), start = u64(head + 48), len = u64(head + 56);
    need(start <= total && total - start == len && total <= (uint64_t)now.st_size, "bad lengths");
    need(pread(fd, node, 32, u32(head + 152)) == 32 && node[6] == 'f' && node[7] == '<'
             && u32(node + 8) == 8, "not float64");
    unsigned char *map = mmap(NULL, total, PROT_READ, MAP_SHARED, fd, 0);
    need(map != MAP_FAILED, "cannot be mapped");
    close(fd); /* on Linux the mapping keeps the lock, and the segment alive */
    double sum = 0, item;
    for (uint64_t i = 0; i + sizeof item <= len; i += sizeof item) {
        memcpy(&item, map + start + i, sizeof item);
        sum += item;
    }
    printf("%.17g\n", sum);
    return munmap(map, total);
}
