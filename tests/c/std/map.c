/*
 * Functions over items in worker processes: results of every kind, errors,
 * deaths, cancelling, and that nothing is left of it. Everything is done with
 * forked workers, with exec'd ones, and with what a process with threads gets.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "check.h"

/* Under valgrind each worker takes its time: less of what is there in numbers. */
static int quick;

/* What a function is told besides its item. */
typedef struct {
    char prefix[64];
    uint32_t policy;
    uint32_t mark;
    pid_t parent;
} orders;

static int32_t make(uint64_t value, const orders *orders, uint64_t index, ndshm_segment *result,
                    ndshm_error *why)
{
    static const uint64_t shape[] = {1000};
    ndshm_create_options options = {.struct_size = sizeof(options)};
    char name[128];

    snprintf(name, sizeof(name), "%s.%d", orders->prefix, (int)index);
    options.dtype = "<u8";
    options.shape = shape;
    options.ndim = 1;
    options.policy = orders->policy;
    if (ndshm_segment_create(orders->policy == NDSHM_POLICY_ANONYMOUS ? NULL : name, &options,
                             result, why))
        return why->code;
    for (int i = 0; i < 1000; i++)
        ((uint64_t *)ndshm_segment_data_mut(result))[i] = value + (uint64_t)i;
    return NDSHM_OK;
}

static int32_t square(const void *item, size_t item_size, uint64_t index, void *context,
                      ndshm_segment *result, ndshm_error *why)
{
    const uint64_t number = *(const uint64_t *)item;
    orders *mine = context;

    if (item_size != sizeof(number) || number != index + 1 || mine->mark++ > 1000 ||
        mine->parent != getppid())
        return -12345;
    if (index % 2 == 0)
        return make(number * number, mine, index, result, why); /* a draft */
    if (make(number * number, mine, index, result, why) != NDSHM_OK)
        return why->code;
    return ndshm_segment_publish(result, why);
}

static int32_t nothing(const void *item, size_t item_size, uint64_t index, void *context,
                       ndshm_segment *result, ndshm_error *why)
{
    (void)result, (void)why;
    return item == NULL && item_size == 0 && context == NULL && index < 100 ? NDSHM_OK : -1;
}

static int32_t failing(const void *item, size_t item_size, uint64_t index, void *context,
                       ndshm_segment *result, ndshm_error *why)
{
    static orders quiet = {.policy = NDSHM_POLICY_ANONYMOUS};
    ndshm_create_options options = {.struct_size = sizeof(options)};
    static int at_first;
    (void)item, (void)item_size, (void)context;
    if (at_first == 0)
        at_first = count_entries("/proc/self/fd");
    switch (index) {
    case 1: /* an error of the library, with its place */
        options.dtype = "<i4,nonsense";
        return ndshm_segment_create("never", &options, result, why);
    case 2: /* one of its own, with something left in the result */
        make(0, &quiet, 0, result, why);
        snprintf(why->message, sizeof(why->message), "the moon is in the wrong phase");
        why->line = 7;
        why->os_errno = ENXIO;
        return -4711;
    case 3:
        return -4712; /* without a word */
    case 4:
        return 5;
    case 5:
        return NDSHM_ERR_END;
    case 6: /* with one worker: what was left in results is gone */
        return count_entries("/proc/self/fd") == at_first ? NDSHM_OK : -4713;
    default:
        return NDSHM_OK;
    }
}

/* Dies of some items, of others only the first time. */
static int32_t deadly(const void *item, size_t item_size, uint64_t index, void *context,
                      ndshm_segment *result, ndshm_error *why)
{
    const orders *mine = context;
    char path[128];
    int fd;
    (void)item, (void)item_size;

    snprintf(path, sizeof(path), "/tmp/%s.%d", mine->prefix, (int)index);
    if (index == 3)
        raise(SIGKILL);
    if (index == 4)
        abort();
    if (index == 5)
        exit(9);
    if (index % 2 == 1) { /* after having published, before anybody knows */
        make(index, mine, index, result, why);
        if (ndshm_segment_publish(result, why))
            return why->code;
        fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (fd >= 0)
            kill(getpid(), SIGKILL);
        unlink(path);
        return NDSHM_OK;
    }
    return make(index, mine, index, result, why);
}

static int32_t slow(const void *item, size_t item_size, uint64_t index, void *context,
                    ndshm_segment *result, ndshm_error *why)
{
    (void)item, (void)item_size;
    if (index > 0)
        sleep(1000);
    return make(index, context, index, result, why);
}

/* Dies at some moment: while it works, publishes, sends, or with the next item. */
static int32_t doomed(const void *item, size_t item_size, uint64_t index, void *context,
                      ndshm_segment *result, ndshm_error *why)
{
    struct itimerval soon = {{0, 0}, {0, 0}};
    unsigned seed = (unsigned)(getpid() * 31 + (int)index * 17);
    (void)item, (void)item_size;
    soon.it_value.tv_usec = 20 + rand_r(&seed) % 400;
    setitimer(ITIMER_REAL, &soon, NULL);
    return make(index, context, index, result, why);
}

/* What a worker finds. */
static int32_t house(const void *item, size_t item_size, uint64_t index, void *context,
                     ndshm_segment *result, ndshm_error *why)
{
    struct sigaction action;
    sigset_t mask;
    (void)item, (void)item_size, (void)index, (void)context, (void)result;

    for (int signal = 1; signal < 32; signal++) {
        const int ignored = signal == SIGINT || signal == SIGQUIT;
        if (sigaction(signal, NULL, &action) == 0 &&
            action.sa_handler != (ignored ? SIG_IGN : SIG_DFL)) {
            snprintf(why->message, sizeof(why->message), "signal %d", signal);
            return -1;
        }
    }
    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int signal = 1; signal < 32; signal++)
        if (sigismember(&mask, signal)) {
            snprintf(why->message, sizeof(why->message), "signal %d is blocked", signal);
            return -2;
        }
    /* The two sockets of the worker, and nothing of its parent. */
    for (int fd = 3, open = 0; fd < 256; fd++) {
        open += fcntl(fd, F_GETFD) >= 0;
        if (open > 2 || (fcntl(fd, F_GETFD) >= 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))) {
            snprintf(why->message, sizeof(why->message), "descriptor %d", fd);
            return -3;
        }
    }
    if (getenv("NDSHM_MAP_SOCKET") != NULL)
        return -4;
    return NDSHM_OK;
}

/* Says which process did it, after a moment. */
static int32_t who(const void *item, size_t item_size, uint64_t index, void *context,
                   ndshm_segment *result, ndshm_error *why)
{
    (void)item, (void)item_size, (void)index, (void)context, (void)result;
    usleep(50);
    snprintf(why->message, sizeof(why->message), "this one");
    why->row = (uint64_t)getpid();
    return -1;
}

static const ndshm_map_entry functions[] = {
    {"square", square}, {"nothing", nothing}, {"failing", failing}, {"deadly", deadly},
    {"slow", slow},     {"house", house},     {"doomed", doomed},
    {"who", who},
};

static orders ordered(uint32_t policy)
{
    orders orders = {.policy = policy, .parent = getpid()};
    memcpy(orders.prefix, prefix, sizeof(prefix));
    return orders;
}

static ndshm_map_options of(uint32_t way, const orders *context)
{
    ndshm_map_options options = {.struct_size = sizeof(options), .workers = 3, .way = way};
    options.context = context;
    options.context_size = context == NULL ? 0 : sizeof(*context);
    return options;
}

static int is_square(ndshm_segment *segment, uint64_t index)
{
    const uint64_t *data = ndshm_segment_data(segment);
    return ndshm_segment_data_len(segment) == 8000 && data[0] == (index + 1) * (index + 1) &&
           data[999] == data[0] + 999 && ndshm_segment_data_mut(segment) == NULL;
}

static int32_t count_down(uint64_t index, ndshm_segment *segment, void *user)
{
    EXPECT(is_square(segment, index));
    return --*(int *)user == 0 ? 77 : 0;
}

static void results(uint32_t way)
{
    static const uint32_t policies[] = {NDSHM_POLICY_ANONYMOUS, NDSHM_POLICY_LAST_DETACH,
                                        NDSHM_POLICY_OWNER, NDSHM_POLICY_PERSIST};
    uint64_t numbers[20];
    ndshm_segment made[20];
    int left;

    for (uint64_t i = 0; i < 20; i++)
        numbers[i] = i + 1;
    for (int p = 0; p < 4; p += quick ? 3 : 1) {
        orders context = ordered(policies[p]);
        ndshm_map_options options = of(way, &context);
        const int persist = policies[p] == NDSHM_POLICY_PERSIST;
        GOOD(ndshm_map_all(numbers, 8, 20, square, &options, made, &error));
        for (uint64_t i = 0; i < 20; i++) {
            EXPECT(is_square(&made[i], i));
            EXPECT((ndshm_segment_name(&made[i]) == NULL) == (p == 0));
            EXPECT(ndshm_segment_policy(&made[i]) == policies[p]);
            if (persist)
                GOOD(ndshm_segment_unlink(ndshm_segment_name(&made[i]), &error));
            GOOD(ndshm_segment_detach(&made[i]));
        }
        EXPECT(count_names() == 0);
        if (persist)
            continue;
        left = 5; /* and the others are detached, or never made */
        EXPECT(ndshm_map_each(numbers, 8, 20, square, &options, count_down, &left, &error) == 77);
        left = 100;
        GOOD(ndshm_map_each(numbers, 8, 20, square, &options, count_down, &left, &error));
        EXPECT(left == 80 && count_names() == 0);
    }
    /* Without items, without bytes, without a result, more workers than items. */
    orders context = ordered(0);
    ndshm_map_options options = of(way, NULL);
    GOOD(ndshm_map_all(NULL, 0, 0, nothing, &options, NULL, &error));
    GOOD(ndshm_map_all(NULL, 0, 2, nothing, &options, made, &error));
    EXPECT(ndshm_segment_data(&made[0]) == NULL && ndshm_segment_detach(&made[1]) == NDSHM_OK);
    options.access = NDSHM_ACCESS_READ_WRITE;
    options.context = &context;
    options.context_size = sizeof(context);
    GOOD(ndshm_map_all(numbers, 8, 1, square, &options, made, &error));
    EXPECT(ndshm_segment_data_mut(&made[0]) != NULL);
    GOOD(ndshm_segment_detach(&made[0]));
    GOOD(ndshm_map_all(NULL, 0, 1, house, &options, made, &error));
}

static void failures(uint32_t way, uint32_t workers)
{
    ndshm_map_options options = of(way, NULL);
    ndshm_segment segment, segments[7], before[7];
    ndshm_map map = {0};
    uint64_t index;
    int32_t status;
    unsigned seen = 0;

    options.workers = workers;
    GOOD(ndshm_map_start(NULL, 0, 7, failing, &options, &map, &error));
    while ((status = ndshm_map_next(&map, -1, &index, &segment, &error)) != NDSHM_ERR_END) {
        if (status == NDSHM_OK) {
            EXPECT(index == 0 || index == 6);
            seen |= 1U << index;
            continue;
        }
        EXPECT(error.code == status && error.input < 7 && error.row == NDSHM_NO_PLACE);
        seen |= 1U << error.input;
        switch (error.input) {
        case 1:
            EXPECT(status == NDSHM_ERR_DTYPE && error.byte != NDSHM_NO_PLACE);
            EXPECT(strstr(error.message, "item 1: bad dtype at byte") == error.message);
            break;
        case 2:
            EXPECT(status == -4711 && error.line == 7 && error.os_errno == ENXIO);
            EXPECT(strcmp(error.message, "item 2: the moon is in the wrong phase") == 0);
            break;
        case 3:
            EXPECT(status == -4712 && strstr(error.message, "-4712") != NULL);
            break;
        default:
            EXPECT(status == NDSHM_ERR_MAP_FUNCTION);
            EXPECT(strstr(error.message, error.input == 4 ? "returned 5" : "-75") != NULL);
        }
    }
    EXPECT(seen == 127 && error.input == NDSHM_NO_INPUT);
    EXPECT(ndshm_map_next(&map, 0, &index, &segment, &error) == NDSHM_ERR_END);
    GOOD(ndshm_map_discard(&map));
    EXPECT(ndshm_map_discard(&map) == NDSHM_ERR_HANDLE);

    /* All or nothing. */
    memset(segments, 0x5a, sizeof(segments));
    memcpy(before, segments, sizeof(segments));
    options.workers = 1;
    EXPECT(ndshm_map_all(NULL, 0, 7, failing, &options, segments, &error) == NDSHM_ERR_DTYPE);
    EXPECT(error.input == 1 && memcmp(before, segments, sizeof(segments)) == 0);
}

/* A worker lets its result go as soon as it is attached here. */
static void released(uint32_t way)
{
    orders context = ordered(0);
    ndshm_map_options options = of(way, &context);
    ndshm_segment segment;
    ndshm_map map = {0};
    uint64_t index;
    int tries = 0;

    GOOD(ndshm_map_start(NULL, 0, 1, slow, &options, &map, &error));
    GOOD(ndshm_map_next(&map, -1, &index, &segment, &error));
    while (ndshm_segment_refcount(&segment) != 1 && tries++ < 10000)
        usleep(1000);
    EXPECT(ndshm_segment_refcount(&segment) == 1);
    GOOD(ndshm_segment_detach(&segment));
    EXPECT(count_names() == 0);
    GOOD(ndshm_map_discard(&map));
}

static void deaths(uint32_t way)
{
    orders context = ordered(0);
    ndshm_map_options options = of(way, &context);
    ndshm_segment segment;
    ndshm_map map = {0};
    uint64_t index;
    int32_t status;
    unsigned seen = 0;

    GOOD(ndshm_map_start(NULL, 0, 10, deadly, &options, &map, &error));
    while ((status = ndshm_map_next(&map, -1, &index, &segment, &error)) != NDSHM_ERR_END) {
        if (status == NDSHM_OK) {
            EXPECT(*(const uint64_t *)ndshm_segment_data(&segment) == index);
            GOOD(ndshm_segment_detach(&segment));
            seen |= 1U << index;
            continue;
        }
        if (status != NDSHM_ERR_MAP_DIED)
            fprintf(stderr, "%s\n", error.message);
        EXPECT(status == NDSHM_ERR_MAP_DIED && error.input >= 3 && error.input <= 5);
        EXPECT(strstr(error.message, error.input == 3   ? "item 3: its worker died twice (signal 9)"
                                     : error.input == 4 ? "signal 6"
                                                        : "exit status 9") != NULL);
        seen |= 1U << error.input;
    }
    EXPECT(seen == 1023);
    GOOD(ndshm_map_discard(&map));
}

/* As an event loop does it: waits for the descriptor, and never in the map. With one
 * worker there is nobody left when it dies. */
static void polled(uint32_t way, uint32_t workers)
{
    orders context = ordered(0);
    ndshm_map_options options = of(way, &context);
    struct pollfd watch = {.events = POLLIN};
    ndshm_segment segment;
    ndshm_map map = {0};
    uint64_t index;
    int32_t status;
    unsigned seen = 0;

    options.workers = workers;
    GOOD(ndshm_map_start(NULL, 0, 10, deadly, &options, &map, &error));
    watch.fd = ndshm_map_fd(&map);
    do {
        EXPECT(poll(&watch, 1, 60000) == 1 && watch.revents == POLLIN);
        status = ndshm_map_next(&map, 0, &index, &segment, &error);
        if (status == NDSHM_OK) {
            GOOD(ndshm_segment_detach(&segment));
            seen |= 1U << index;
        } else if (status == NDSHM_ERR_MAP_DIED) {
            seen |= 1U << error.input;
        } else {
            EXPECT(status == NDSHM_ERR_TIMEOUT || status == NDSHM_ERR_END);
        }
    } while (status != NDSHM_ERR_END);
    EXPECT(seen == 1023 && poll(&watch, 1, 0) == 1 && ndshm_map_fd(&map) == watch.fd);
    GOOD(ndshm_map_discard(&map));
    EXPECT(ndshm_map_fd(&map) == -1 && fcntl(watch.fd, F_GETFD) == -1);

    /* Not as long as there is nothing, but when it is cancelled. */
    GOOD(ndshm_map_start(NULL, 0, 10, slow, &options, &map, &error));
    watch.fd = ndshm_map_fd(&map);
    do
        status = ndshm_map_next(&map, 1000, &index, &segment, &error);
    while (status == NDSHM_ERR_TIMEOUT);
    GOOD(status);
    do
        status = ndshm_map_next(&map, 20, &index, &segment, &error);
    while (status == NDSHM_ERR_TIMEOUT && poll(&watch, 1, 100) == 1); /* workers came */
    EXPECT(status == NDSHM_ERR_TIMEOUT);
    GOOD(ndshm_map_cancel(&map, &error));
    EXPECT(poll(&watch, 1, 0) == 1);
    GOOD(ndshm_map_discard(&map));
    GOOD(ndshm_segment_detach(&segment));
    GOOD(ndshm_map_start(NULL, 0, 0, slow, NULL, &map, &error));
    watch.fd = ndshm_map_fd(&map);
    EXPECT(poll(&watch, 1, 0) == 1);
    EXPECT(ndshm_map_next(&map, -1, &index, &segment, &error) == NDSHM_ERR_END);
    GOOD(ndshm_map_discard(&map));
}

/* Whatever dies when, each item is told of once, and nothing is left. */
static void storm(uint32_t way)
{
    orders context = ordered(NDSHM_POLICY_ANONYMOUS);
    ndshm_map_options options = of(way, &context);
    ndshm_segment segment;
    ndshm_map map = {0};
    uint8_t told[150] = {0};
    const size_t count = quick ? 10 : sizeof(told);
    uint64_t index;
    int32_t status;
    int before = count_names();

    GOOD(ndshm_map_start(NULL, 0, count, doomed, &options, &map, &error));
    while ((status = ndshm_map_next(&map, -1, &index, &segment, &error)) != NDSHM_ERR_END) {
        if (status == NDSHM_OK) {
            EXPECT(((const uint64_t *)ndshm_segment_data(&segment))[999] == index + 999);
            GOOD(ndshm_segment_detach(&segment));
        } else {
            EXPECT(status == NDSHM_ERR_MAP_DIED && strstr(error.message, "signal 14") != NULL);
            index = error.input;
        }
        EXPECT(index < count && told[index]++ == 0);
    }
    EXPECT(memchr(told, 0, count) == NULL);
    EXPECT(count_names() == before);
    GOOD(ndshm_map_discard(&map));
}

/* A worker is not taken for an orphan because of the order that it has just got. */
static void nobody_dies_of_an_order(uint32_t way)
{
    ndshm_map_options options = of(way, NULL);
    ndshm_map map = {0};
    ndshm_segment segment;
    uint64_t index, workers[3] = {0};
    int32_t status;

    GOOD(ndshm_map_start(NULL, 0, quick ? 100 : 20000, who, &options, &map, &error));
    while ((status = ndshm_map_next(&map, -1, &index, &segment, &error)) != NDSHM_ERR_END) {
        int place = 0;
        EXPECT(status == -1 && error.row != 0 && error.row < 1 << 30);
        while (place < 3 && workers[place] != 0 && workers[place] != error.row)
            place++;
        EXPECT(place < 3); /* the fourth would be the first one's successor */
        workers[place] = error.row;
    }
    GOOD(ndshm_map_discard(&map));
}

static void cancelled(uint32_t way)
{
    orders context = ordered(0);
    ndshm_map_options options = of(way, &context);
    ndshm_segment segment;
    ndshm_map map = {0};
    uint64_t index = 99;

    for (int finish = 0; finish < 2; finish++) {
        memset(&map, 0, sizeof(map));
        GOOD(ndshm_map_start(NULL, 0, 10, slow, &options, &map, &error));
        GOOD(ndshm_map_next(&map, -1, &index, &segment, &error));
        EXPECT(index == 0);
        EXPECT(ndshm_map_next(&map, 0, &index, &segment, &error) == NDSHM_ERR_TIMEOUT);
        EXPECT(ndshm_map_next(&map, 20, &index, &segment, &error) == NDSHM_ERR_TIMEOUT);
        EXPECT(error.input == NDSHM_NO_INPUT);
        if (!finish) {
            GOOD(ndshm_map_cancel(&map, &error));
            EXPECT(ndshm_map_next(&map, -1, &index, &segment, &error) == NDSHM_ERR_END);
        }
        GOOD(ndshm_map_discard(&map));
        EXPECT(ndshm_map_cancel(&map, &error) == NDSHM_ERR_HANDLE);
        GOOD(ndshm_segment_detach(&segment));
    }
    /* Results that nobody asked for any more. */
    context.policy = NDSHM_POLICY_LAST_DETACH;
    memset(&map, 0, sizeof(map));
    uint64_t numbers[] = {1, 2, 3};
    GOOD(ndshm_map_start(numbers, 8, 3, square, &options, &map, &error));
    (void)ndshm_map_next(&map, 100, &index, &segment, &error);
    (void)ndshm_segment_detach(&segment);
    usleep(50000);
    GOOD(ndshm_map_discard(&map));
    EXPECT(count_names() == 0);
}

/* Kills the parent while its workers are busy, and with them. */
static void orphans(uint32_t way)
{
    int pipes[2], workers;
    char byte;
    pid_t child;

    EXPECT(pipe(pipes) == 0);
    child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        orders context = ordered(0);
        ndshm_map_options options = of(way, &context);
        ndshm_segment segment;
        ndshm_map map = {0};
        uint64_t index;
        int out = dup2(pipes[1], 1); /* the workers have it, too */
        close(pipes[0]);
        close(pipes[1]);
        GOOD(ndshm_map_start(NULL, 0, 10, slow, &options, &map, &error));
        GOOD(ndshm_map_next(&map, -1, &index, &segment, &error));
        EXPECT(ndshm_map_next(&map, 20, &index, &segment, &error) == NDSHM_ERR_TIMEOUT);
        EXPECT(write(out, "r", 1) == 1);
        pause();
        _exit(1);
    }
    close(pipes[1]);
    EXPECT(read(pipes[0], &byte, 1) == 1);
    kill(child, SIGKILL);
    EXPECT(waitpid(child, NULL, 0) == child);
    /* It ends when the last one is gone who could write to it. */
    workers = (int)read(pipes[0], &byte, 1);
    EXPECT(workers == 0);
    close(pipes[0]);
    ndshm_segment segment = {0};
    char name[128];
    snprintf(name, sizeof(name), "%s.0", prefix);
    GOOD(ndshm_segment_attach(name, NULL, &segment, &error)); /* an orphan, until now */
    GOOD(ndshm_segment_detach(&segment));
}

static void misuse(void)
{
    ndshm_map_options options = of(0, NULL);
    const ndshm_map_entry nameless = {NULL, square}, empty = {"", square}, hollow = {"x", NULL};
    ndshm_segment segment = {0};
    ndshm_map map = {0}, odd;
    uint64_t index;
    int user = 0;

    REFUSED("functions is NULL", ndshm_map_serve(NULL, 1, &error));
    REFUSED("name of a function is NULL", ndshm_map_serve(&nameless, 1, &error));
    REFUSED("name of a function is out", ndshm_map_serve(&empty, 1, &error));
    REFUSED("function is NULL", ndshm_map_serve(&hollow, 1, &error));
    GOOD(ndshm_map_serve(NULL, 0, &error));
    REFUSED("map is NULL", ndshm_map_start(NULL, 0, 1, nothing, NULL, NULL, &error));
    REFUSED("function is NULL", ndshm_map_start(NULL, 0, 1, NULL, NULL, &map, &error));
    REFUSED("items is NULL", ndshm_map_start(NULL, 1, 1, nothing, NULL, &map, &error));
    REFUSED("item_size is out", ndshm_map_start(&map, SIZE_MAX, 2, nothing, NULL, &map, &error));
    REFUSED("items is out", ndshm_map_start(&map, SIZE_MAX, 1, nothing, NULL, &map, &error));
    EXPECT(ndshm_map_start(NULL, 0, UINT32_MAX, nothing, NULL, &map, &error) ==
           NDSHM_ERR_OVERFLOW);
    options.context_size = 1;
    REFUSED("context is NULL", ndshm_map_start(NULL, 0, 1, nothing, &options, &map, &error));
    options.context_size = 0;
    options.way = 3;
    REFUSED("way", ndshm_map_start(NULL, 0, 1, nothing, &options, &map, &error));
    options.way = 0;
    options.access = 2;
    REFUSED("access", ndshm_map_start(NULL, 0, 1, nothing, &options, &map, &error));
    options.access = 0;
    options.struct_size--;
    REFUSED("struct_size", ndshm_map_start(NULL, 0, 1, nothing, &options, &map, &error));
    REFUSED("struct_size", ndshm_map_all(NULL, 0, 1, nothing, &options, &segment, &error));
    REFUSED("segments is NULL", ndshm_map_all(NULL, 0, 1, nothing, NULL, NULL, &error));
    REFUSED("done is NULL", ndshm_map_each(NULL, 0, 1, nothing, NULL, NULL, &user, &error));
    options.struct_size++;

    memset(&odd, 0xa5, sizeof(odd));
    ndshm_map *const closed[] = {&map, &odd};
    for (int i = 0; i < 2; i++) {
        EXPECT(ndshm_map_next(closed[i], 0, &index, &segment, &error) == NDSHM_ERR_HANDLE);
        EXPECT(strcmp(error.message, "map is not open") == 0);
        EXPECT(ndshm_map_cancel(closed[i], &error) == NDSHM_ERR_HANDLE);
        EXPECT(ndshm_map_fd(closed[i]) == -1);
    }
    REFUSED("map is NULL", ndshm_map_next(NULL, 0, &index, &segment, &error));
    REFUSED("map is NULL", ndshm_map_cancel(NULL, &error));
    EXPECT(ndshm_map_fd(NULL) == -1);
    EXPECT(ndshm_map_discard(NULL) == NDSHM_OK && ndshm_map_discard(&map) == NDSHM_OK);
    EXPECT(ndshm_map_discard(&odd) == NDSHM_ERR_HANDLE);
    GOOD(ndshm_map_start(NULL, 0, 1, nothing, NULL, &map, &error));
    REFUSED("index is NULL", ndshm_map_next(&map, 0, NULL, &segment, &error));
    REFUSED("segment is NULL", ndshm_map_next(&map, 0, &index, NULL, &error));
    GOOD(ndshm_map_next(&map, -1, &index, &segment, &error));
    GOOD(ndshm_map_discard(&map));
    error.struct_size = 1;
    EXPECT(ndshm_map_start(NULL, 0, 1, nothing, NULL, &map, &error) == NDSHM_ERR_ARGUMENT);
    error.struct_size = sizeof(error);
}

/* A program that does something else before it serves. */
static void late(void)
{
    ndshm_map_options options = of(NDSHM_MAP_EXEC, NULL);
    ndshm_segment segment;
    ndshm_map map = {0};
    uint64_t index;

    setenv("TEST_MAP_LATE", "1", 1);
    GOOD(ndshm_map_start(NULL, 0, 5, nothing, &options, &map, &error));
    EXPECT(ndshm_map_next(&map, -1, &index, &segment, &error) == NDSHM_ERR_MAP_START);
    EXPECT(strstr(error.message, "exit status 3") != NULL && error.input == NDSHM_NO_INPUT);
    EXPECT(ndshm_map_next(&map, -1, &index, &segment, &error) == NDSHM_ERR_END);
    GOOD(ndshm_map_discard(&map));
    unsetenv("TEST_MAP_LATE");
    /* The mark of a worker, on what is no worker's socket. */
    setenv("NDSHM_MAP_SOCKET", "0:1", 1);
    GOOD(ndshm_map_serve(NULL, 0, &error));
    EXPECT(getenv("NDSHM_MAP_SOCKET") == NULL && fcntl(0, F_GETFD) >= 0);
}

static void *wait_for_ever(void *lock)
{
    pthread_mutex_lock(lock);
    return NULL;
}

/* A process with threads starts itself again, if it may. */
static void threads(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    ndshm_map_options options = of(NDSHM_MAP_FORK, NULL);
    ndshm_map map = {0};
    pthread_t thread;

    pthread_mutex_lock(&lock);
    EXPECT(pthread_create(&thread, NULL, wait_for_ever, &lock) == 0);
    EXPECT(ndshm_map_start(NULL, 0, 1, nothing, &options, &map, &error) == NDSHM_ERR_THREADS);
    EXPECT(strstr(error.message, "ndshm_map_serve") != NULL);
    results(NDSHM_MAP_AUTO);
    deaths(NDSHM_MAP_AUTO);
    pthread_mutex_unlock(&lock);
    EXPECT(pthread_join(thread, NULL) == 0);
}

/* Functions that nobody has registered can only be forked. */
static int32_t unknown(const void *item, size_t item_size, uint64_t index, void *context,
                       ndshm_segment *result, ndshm_error *why)
{
    return nothing(item, item_size, index, context, result, why);
}

static void unregistered(void)
{
    ndshm_map_options options = of(NDSHM_MAP_EXEC, NULL);
    ndshm_segment segment;
    ndshm_map map = {0};

    EXPECT(ndshm_map_start(NULL, 0, 1, unknown, &options, &map, &error) == NDSHM_ERR_THREADS);
    EXPECT(strstr(error.message, "ndshm_map_serve") != NULL);
    options.way = NDSHM_MAP_AUTO;
    GOOD(ndshm_map_all(NULL, 0, 1, unknown, &options, &segment, &error));
}

int main(void)
{
    static const uint32_t ways[] = {NDSHM_MAP_FORK, NDSHM_MAP_EXEC};
    int descriptors;

    if (getenv("TEST_MAP_LATE") != NULL)
        _exit(3);
    GOOD(ndshm_map_serve(functions, sizeof(functions) / sizeof(functions[0]), &error));
    quick = getenv("TEST_QUICK") != NULL;
    snprintf(prefix, sizeof(prefix), "test.map.%ld", (long)getpid());
    signal(SIGUSR1, SIG_IGN);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    open("/dev/null", O_RDONLY); /* inherited, if nobody closes it */
    descriptors = count_entries("/proc/self/fd");
    for (int i = 0; i < 2; i++) {
        results(ways[i]);
        EXPECT(nothing_left(descriptors));
        failures(ways[i], 1);
        if (quick && ways[i] == NDSHM_MAP_EXEC)
            continue; /* its workers are run without valgrind anyway */
        failures(ways[i], 3);
        released(ways[i]);
        deaths(ways[i]);
        polled(ways[i], 1);
        polled(ways[i], 3);
        storm(ways[i]);
        nobody_dies_of_an_order(ways[i]);
        EXPECT(nothing_left(descriptors));
        cancelled(ways[i]);
        EXPECT(nothing_left(descriptors));
        orphans(ways[i]);
        EXPECT(nothing_left(descriptors));
    }
    misuse();
    unregistered();
    late();
    signal(SIGCHLD, SIG_IGN); /* nobody but the kernel knows how a child ends */
    results(NDSHM_MAP_FORK);
    if (!quick)
        results(NDSHM_MAP_EXEC);
    signal(SIGCHLD, SIG_DFL);
    threads();
    EXPECT(nothing_left(descriptors));
    return 0;
}
