#include "support.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VARIABLE "IOTHUB_DEVICE_CONNECTION_STRING"

#define NO_SECRETS                                                                                                     \
    "a key, token or connection string is never taken as an argument, because every user of the machine could read "  \
    "it in `ps`"

const char DEMONSTRATION[] = "the demonstration";

/* No such device, and everybody knows its key. */
static const char NO_DEVICE[] = "HostName=demonstration.azure-devices.net;DeviceId=demonstration;"
                                "SharedAccessKey=bm90IGEgc2VjcmV0LCBhIGRlbW9uc3RyYXRpb24ga2V5";

static const char *program = "";

/* What the library said last: which field is wrong, where a status says only what is wrong with it. */
static char last_words[512];

static void keep(void *user_data, int32_t level, const char *message, size_t message_len)
{
    (void)user_data;
    (void)level;
    if (message_len < sizeof last_words) {
        memcpy(last_words, message, message_len + 1);
    }
}

void begin(const char *name)
{
    program = name;
    hubward_log_set(keep, NULL);
}

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

int failed(const char *about, hubward_status status)
{
    const char *why = last_words[0] == '\0' ? hubward_status_message(status) : last_words;
    if (about == NULL) {
        say("%s", why);
    } else {
        say("%s: %s", about, why);
    }
    last_words[0] = '\0';
    return BAD_INPUT;
}

static struct option *find(const char *argument, struct option *options, size_t count)
{
    size_t len = strcspn(argument, "=");
    for (size_t i = 0; i < count; i++) {
        if (strlen(options[i].name) == len && memcmp(options[i].name, argument, len) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

int read_options(int argc, char **argv, struct option *options, size_t count, const char *help)
{
    for (int i = 1; i < argc; i++) {
        if (strstr(argv[i], "SharedAccessKey=") != NULL || strstr(argv[i], "SharedAccessSignature") != NULL) {
            say(NO_SECRETS);
            return -1;
        }
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return print(help, strlen(help)) == 0 ? 1 : -1;
        }
        struct option *option = find(argv[i], options, count);
        if (option == NULL) {
            say("an argument is not known (see --help); " NO_SECRETS);
            return -1;
        }
        const char *value = strchr(argv[i], '=');
        value = value != NULL ? value + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (value == NULL) {
            say("an option lacks its value (see --help)");
            return -1;
        }
        if (option->value != NULL) {
            say("an option is given twice (see --help)");
            return -1;
        }
        option->value = value;
    }
    return 0;
}

int read_number(const char *text, uint64_t *number)
{
    uint64_t value = 0;
    text += *text == '+';
    if (*text == '\0') {
        return -1;
    }
    for (; *text != '\0'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (*text < '0' || *text > '9' || value > (UINT64_MAX - digit) / 10) {
            return -1;
        }
        value = value * 10 + digit;
    }
    *number = value;
    return 0;
}

/* Takes away what some editors put before a text, and the line end behind it. */
static void trim(struct secret *secret)
{
    size_t begin = secret->len >= 3 && memcmp(secret->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    size_t end = secret->len;
    while (begin < end && isspace((unsigned char)secret->text[begin])) {
        begin++;
    }
    while (begin < end && isspace((unsigned char)secret->text[end - 1])) {
        end--;
    }
    secret->len = end - begin;
    memmove(secret->text, secret->text + begin, secret->len);
    wipe(secret->text + secret->len, end - secret->len);
}

static const char *read_file(const char *path, struct secret *secret)
{
    static const char OPTION[] = "--connection-string-file";
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        say("%s cannot be read: %s", OPTION, strerror(errno));
        return NULL;
    }
    /* Without a buffer of the C library's, in which a copy would stay. */
    setvbuf(file, NULL, _IONBF, 0);
    errno = 0;
    secret->len = fread(secret->text, 1, SECRET_MAX + 1, file);
    int error = ferror(file) ? errno : 0;
    fclose(file);
    if (error != 0) {
        say("%s cannot be read: %s", OPTION, strerror(error));
    } else if (secret->len > SECRET_MAX) {
        say("%s cannot be read: it is longer than 64 KiB", OPTION);
    } else if (memchr(secret->text, 0, secret->len) != NULL) {
        say("what %s gives is UTF-16 or binary: save it as UTF-8", OPTION);
    } else {
        trim(secret);
        if (secret->len != 0) {
            return OPTION;
        }
        say("what %s gives is empty", OPTION);
    }
    return NULL;
}

const char *read_connection_string(const char *path, struct secret *secret)
{
    if (path != NULL) {
        return read_file(path, secret);
    }
    const char *value = getenv(VARIABLE);
    const char *source = value != NULL ? VARIABLE : DEMONSTRATION;
    if (value == NULL) {
        value = NO_DEVICE;
    }
    secret->len = strlen(value);
    if (secret->len > SECRET_MAX) {
        say("%s is longer than 64 KiB", VARIABLE);
        return NULL;
    }
    memcpy(secret->text, value, secret->len);
    trim(secret);
    if (secret->len == 0) {
        say("%s is set but empty: set it, or unset it", VARIABLE);
        return NULL;
    }
    return source;
}

void say_demonstration(void)
{
    say("no connection string is given: this token is for a demonstration device that does not exist; use "
        "--connection-string-file or " VARIABLE);
}

uint64_t now(void)
{
    time_t seconds = time(NULL);
    return seconds < 0 ? 0 : (uint64_t)seconds;
}

int print(const char *text, size_t len)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (fwrite(text, 1, len, stdout) != len || fflush(stdout) != 0) {
        say("standard output cannot be written: %s", strerror(errno));
        return -1;
    }
    return 0;
}

void wipe(void *memory, size_t len)
{
    volatile unsigned char *bytes = memory;
    while (len-- != 0) {
        *bytes++ = 0;
    }
}
