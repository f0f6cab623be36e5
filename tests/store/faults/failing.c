/* Preloaded: a file system that fails. Calls that concern a path below $FAILING_FOLDER, or a
 * descriptor of such a file, are counted; failing_arm(n, lasting) makes the n-th fail, or the n-th
 * and all after it. A write that is to fail writes half of its bytes first. One thread only. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DESCRIPTORS 1024

static long calls, first;
static int lasting, armed;
static char ours[DESCRIPTORS];

void failing_arm(long n, int all_after) {
  calls = 0;
  first = n;
  lasting = all_after;
  armed = 1;
}

long failing_disarm(void) {
  armed = 0;
  return calls;
}

static int below(const char *path) {
  static const char *folder;
  if (!folder) folder = getenv("FAILING_FOLDER");
  return folder && path && !strncmp(path, folder, strlen(folder));
}

static int held(int fd) { return fd >= 0 && fd < DESCRIPTORS && ours[fd]; }

static int fails(int concerned, int error) {
  if (!armed || !concerned) return 0;
  calls++;
  if (calls != first && !(lasting && calls > first)) return 0;
  errno = error;
  return 1;
}

#define REAL(name) ((__typeof__(&name))real(&name##_cache, #name))
#define CACHE(name) static void *name##_cache
static void *real(void **cache, const char *name) {
  if (!*cache) *cache = dlsym(RTLD_NEXT, name);
  return *cache;
}

#define OPEN(name)                                                      \
  CACHE(name);                                                          \
  int name(const char *path, int flags, ...) {                          \
    va_list more;                                                       \
    va_start(more, flags);                                              \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
    va_end(more);                                                       \
    if (fails(below(path), flags & O_CREAT ? ENOSPC : EIO)) return -1;  \
    int fd = REAL(name)(path, flags, mode);                             \
    if (fd >= 0 && fd < DESCRIPTORS) ours[fd] = below(path);            \
    return fd;                                                          \
  }
OPEN(open)
OPEN(open64)

CACHE(close);
int close(int fd) {
  int was = held(fd);
  if (was) ours[fd] = 0;
  int done = REAL(close)(fd);
  return fails(was, EIO) ? -1 : done;
}

#define ON_PATH(type, name, error, parameters, arguments) \
  CACHE(name);                                            \
  type name parameters { return fails(below(path), error) ? (type)-1 : REAL(name) arguments; }
ON_PATH(int, unlink, EIO, (const char *path), (path))
ON_PATH(int, mkdir, ENOSPC, (const char *path, mode_t mode), (path, mode))
ON_PATH(int, rename, ENOSPC, (const char *path, const char *to), (path, to))
ON_PATH(int, stat, EIO, (const char *path, struct stat *found), (path, found))
ON_PATH(int, lstat, EIO, (const char *path, struct stat *found), (path, found))
ON_PATH(int, stat64, EIO, (const char *path, struct stat64 *found), (path, found))
ON_PATH(int, lstat64, EIO, (const char *path, struct stat64 *found), (path, found))
ON_PATH(int, statvfs, EIO, (const char *path, struct statvfs *found), (path, found))
ON_PATH(int, statvfs64, EIO, (const char *path, struct statvfs64 *found), (path, found))

CACHE(opendir);
DIR *opendir(const char *path) { return fails(below(path), EIO) ? NULL : REAL(opendir)(path); }

#define ON_FD(type, name, error, parameters, arguments) \
  CACHE(name);                                          \
  type name parameters { return fails(held(fd), error) ? (type)-1 : REAL(name) arguments; }
ON_FD(int, fsync, EIO, (int fd), (fd))
ON_FD(int, fdatasync, EIO, (int fd), (fd))
ON_FD(int, ftruncate, EIO, (int fd, off_t size), (fd, size))
ON_FD(int, ftruncate64, EIO, (int fd, off64_t size), (fd, size))
ON_FD(int, fstat, EIO, (int fd, struct stat *found), (fd, found))
ON_FD(int, fstat64, EIO, (int fd, struct stat64 *found), (fd, found))
ON_FD(ssize_t, read, EIO, (int fd, void *data, size_t size), (fd, data, size))
ON_FD(ssize_t, pread, EIO, (int fd, void *data, size_t size, off_t at), (fd, data, size, at))
ON_FD(ssize_t, pread64, EIO, (int fd, void *data, size_t size, off64_t at), (fd, data, size, at))

CACHE(write);
ssize_t write(int fd, const void *data, size_t size) {
  if (!fails(held(fd), ENOSPC)) return REAL(write)(fd, data, size);
  if (REAL(write)(fd, data, size / 2) < 0) return -1;
  errno = ENOSPC;
  return -1;
}

#define PWRITE(name, offset)                                         \
  CACHE(name);                                                       \
  ssize_t name(int fd, const void *data, size_t size, offset at) {   \
    if (!fails(held(fd), ENOSPC)) return REAL(name)(fd, data, size, at); \
    if (REAL(name)(fd, data, size / 2, at) < 0) return -1;           \
    errno = ENOSPC;                                                  \
    return -1;                                                       \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define FCNTL(name)                                       \
  CACHE(name);                                            \
  int name(int fd, int command, ...) {                    \
    va_list more;                                         \
    va_start(more, command);                              \
    void *argument = va_arg(more, void *);                \
    va_end(more);                                         \
    if (fails(held(fd) && command == F_SETLK, EIO)) return -1; \
    return REAL(name)(fd, command, argument);             \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

CACHE(mmap64);
void *mmap64(void *at, size_t size, int how, int flags, int fd, off64_t offset) {
  if (fails(held(fd), ENOMEM)) return MAP_FAILED;
  return REAL(mmap64)(at, size, how, flags, fd, offset);
}
