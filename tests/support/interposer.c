/* Counts system calls of one process, and at the N-th of a kind kills it or lets the call fail.

   For LD_PRELOAD. Nothing is counted before INTERPOSER_FOLDER is in the environment, at the start or
   when interposer_begin() is called. All others below are read then, too:

   INTERPOSER_FOLDER  counts calls on files below it, and on sockets
   INTERPOSER_TALLY   a file that takes how many calls of each kind there were
   INTERPOSER_KIND    the kind that is attacked: a place in `enum kind`
   INTERPOSER_AT      the number of the call, from 1
   INTERPOSER_FATE    what becomes of it: a place in `enum fate`
   INTERPOSER_ERROR   the errno of calls that fail, or the signal that comes before the call
   INTERPOSER_LASTS   not empty: all calls of the kind from there on fare alike */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { NONE, WRITE, FLUSH, CUT, SEND, RECEIVE, ASK, HEAR, CREATE, READ, KINDS };
enum fate { GOES_ON, KILLED_BEFORE, KILLED_AFTER, KILLED_HALFWAY, SHORT, FAILS, SIGNALLED };

static atomic_long unread[KINDS];
static atomic_long *tally = unread;
static char folder[PATH_MAX];
static size_t folder_size;
static enum kind attacked;
static enum fate chosen;
static int error_number, lasts;
static long first;

static long number_in(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

__attribute__((constructor)) void interposer_begin(void) {
    const char *where = getenv("INTERPOSER_FOLDER"), *counts = getenv("INTERPOSER_TALLY");
    if (!where) return;
    int file = counts ? open(counts, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (file >= 0) {
        size_t size = sizeof unread;
        if (posix_fallocate(file, 0, size) == 0) {
            void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
            if (shared != MAP_FAILED) tally = shared; /* a kill leaves what it holds */
        }
        close(file);
    }
    attacked = number_in("INTERPOSER_KIND");
    chosen = number_in("INTERPOSER_FATE");
    error_number = number_in("INTERPOSER_ERROR");
    lasts = number_in("INTERPOSER_LASTS");
    first = number_in("INTERPOSER_AT");
    snprintf(folder, sizeof folder, "%s/", where);
    folder_size = strlen(folder);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static enum fate fate_of(enum kind kind) {
    if (kind == NONE) return GOES_ON;
    long number = atomic_fetch_add(&tally[kind], 1) + 1;
    if (kind != attacked || (lasts ? number < first : number != first)) return GOES_ON;
    if (chosen == KILLED_BEFORE) die();
    if (chosen == SIGNALLED) kill(getpid(), error_number);
    return chosen;
}

static ssize_t ended(enum fate fate, ssize_t result) {
    if (fate == KILLED_AFTER || fate == KILLED_HALFWAY) die();
    return result;
}

static ssize_t failed(int on) {
    /* A connection that was reset is gone for the other end, too. */
    if (error_number == ECONNRESET) shutdown(on, SHUT_RDWR);
    errno = error_number;
    return -1;
}

static size_t share(enum fate fate, size_t size) {
    return (fate == KILLED_HALFWAY || fate == SHORT) && size > 1 ? size / 2 : size;
}

/* Of a file or socket; what belongs to neither the database nor the API is none. */
static enum kind kind_of(int on, enum kind of_file, enum kind to_database, enum kind to_api) {
    char link[64], path[PATH_MAX];
    if (!folder_size) return NONE;
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", on);
    ssize_t size = readlink(link, path, sizeof path - 1);
    errno = before;
    if (size <= 0) return NONE;
    path[size] = 0;
    if (strncmp(path, "socket:", 7) != 0)
        return strncmp(path, folder, folder_size) == 0 ? of_file : NONE;
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int known = getsockname(on, (struct sockaddr *)&address, &length) == 0;
    errno = before;
    if (!known) return NONE;
    if (address.ss_family == AF_UNIX) return to_database;
    return address.ss_family == AF_INET ? to_api : NONE;
}

static enum kind kind_of_path(const char *path, enum kind below) {
    char here[PATH_MAX];
    if (!folder_size) return NONE;
    if (path[0] == '/') return strncmp(path, folder, folder_size) == 0 ? below : NONE;
    if (!getcwd(here, sizeof here - 1)) return NONE;
    strcat(here, "/");
    return strncmp(here, folder, folder_size) == 0 ? below : NONE;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, #name)

/* --- what goes out --------------------------------------------------------------------------- */

#define GOES_OUT(name, on, size, ...) \
    REAL(name); \
    enum fate fate = fate_of(kind_of(on, WRITE, SEND, ASK)); \
    if (fate == FAILS) return failed(on); \
    size = share(fate, size); \
    return ended(fate, real(__VA_ARGS__))

ssize_t write(int on, const void *from, size_t size) {
    GOES_OUT(write, on, size, on, from, size);
}

ssize_t pwrite(int on, const void *from, size_t size, off_t place) {
    GOES_OUT(pwrite, on, size, on, from, size, place);
}

ssize_t pwrite64(int on, const void *from, size_t size, off64_t place) {
    GOES_OUT(pwrite64, on, size, on, from, size, place);
}

ssize_t send(int on, const void *from, size_t size, int flags) {
    GOES_OUT(send, on, size, on, from, size, flags);
}

ssize_t sendto(
    int on, const void *from, size_t size, int flags, const struct sockaddr *to, socklen_t length
) {
    GOES_OUT(sendto, on, size, on, from, size, flags, to, length);
}

/* Of many pieces, half is the first half of them. */
ssize_t writev(int on, const struct iovec *pieces, int count) {
    size_t of = count;
    GOES_OUT(writev, on, of, on, pieces, (int)of);
}

ssize_t sendmsg(int on, const struct msghdr *message, int flags) {
    struct msghdr part = *message;
    GOES_OUT(sendmsg, on, part.msg_iovlen, on, &part, flags);
}

/* --- what comes in --------------------------------------------------------------------------- */

/* Say what is to be counted: to look whether something has come is not to receive it. */
static enum kind kind_of_receiving(int on) {
    enum kind kind = kind_of(on, READ, RECEIVE, HEAR);
    if (kind == NONE || kind == READ) return kind;
    int before = errno;
    struct pollfd waiting = {on, POLLIN, 0};
    int come = poll(&waiting, 1, fcntl(on, F_GETFL) & O_NONBLOCK ? 0 : -1);
    errno = before;
    return come > 0 ? kind : NONE;
}

static size_t share_of_what_came(enum fate fate, int on, size_t size) {
    if (fate != KILLED_HALFWAY && fate != SHORT) return size;
    if (attacked == READ) return share(fate, size);
    static char seen[1 << 16];
    __typeof__(recv) *look = (__typeof__(look))dlsym(RTLD_NEXT, "recv");
    ssize_t available = look(on, seen, size < sizeof seen ? size : sizeof seen, MSG_PEEK | MSG_DONTWAIT);
    return available > 1 ? share(fate, available) : size;
}

#define COMES_IN(name, on, size, ...) \
    REAL(name); \
    enum fate fate = fate_of(kind_of_receiving(on)); \
    if (fate == FAILS) return failed(on); \
    size = share_of_what_came(fate, on, size); \
    return ended(fate, real(__VA_ARGS__))

ssize_t read(int on, void *into, size_t size) {
    COMES_IN(read, on, size, on, into, size);
}

ssize_t recv(int on, void *into, size_t size, int flags) {
    COMES_IN(recv, on, size, on, into, size, flags);
}

ssize_t recvfrom(
    int on, void *into, size_t size, int flags, struct sockaddr *from, socklen_t *length
) {
    COMES_IN(recvfrom, on, size, on, into, size, flags, from, length);
}

ssize_t pread(int on, void *into, size_t size, off_t place) {
    COMES_IN(pread, on, size, on, into, size, place);
}

ssize_t pread64(int on, void *into, size_t size, off64_t place) {
    COMES_IN(pread64, on, size, on, into, size, place);
}

/* --- what makes it last, what takes away, what makes a name ---------------------------------- */

#define IS_DONE(name, kind, on, ...) \
    REAL(name); \
    enum fate fate = fate_of(kind); \
    if (fate == FAILS) return failed(on); \
    return ended(fate, real(__VA_ARGS__))

int fsync(int on) { IS_DONE(fsync, kind_of(on, FLUSH, NONE, NONE), on, on); }

int fdatasync(int on) { IS_DONE(fdatasync, kind_of(on, FLUSH, NONE, NONE), on, on); }

int ftruncate(int on, off_t size) {
    IS_DONE(ftruncate, kind_of(on, CUT, NONE, NONE), on, on, size);
}

int ftruncate64(int on, off64_t size) {
    IS_DONE(ftruncate64, kind_of(on, CUT, NONE, NONE), on, on, size);
}

int unlink(const char *path) { IS_DONE(unlink, kind_of_path(path, CUT), -1, path); }

int rename(const char *from, const char *to) {
    IS_DONE(rename, kind_of_path(to, CUT), -1, from, to);
}

int link(const char *from, const char *to) { IS_DONE(link, kind_of_path(to, CUT), -1, from, to); }

int linkat(int in, const char *from, int into, const char *to, int flags) {
    IS_DONE(linkat, kind_of_path(to, CUT), -1, in, from, into, to, flags);
}

int mkdir(const char *path, mode_t mode) {
    IS_DONE(mkdir, kind_of_path(path, CREATE), -1, path, mode);
}

/* To open what is there is to read it. */
#define OPENS(name, ...) \
    mode_t mode = 0; \
    if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    } \
    IS_DONE(name, kind_of_path(path, flags & O_CREAT ? CREATE : READ), -1, __VA_ARGS__)

int open(const char *path, int flags, ...) { OPENS(open, path, flags, mode); }

int open64(const char *path, int flags, ...) { OPENS(open64, path, flags, mode); }

int openat(int in, const char *path, int flags, ...) { OPENS(openat, in, path, flags, mode); }

int openat64(int in, const char *path, int flags, ...) { OPENS(openat64, in, path, flags, mode); }
