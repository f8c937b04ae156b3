/*
 * What the examples share: secrets are read without copies left behind, arguments are never echoed, and what is
 * wrong is said on one line.
 */

#ifndef SUPPORT_H
#define SUPPORT_H

#include <hubward.h>

#include <stddef.h>
#include <stdint.h>

/* The exit status for bad input. */
#define BAD_INPUT 2

/* The longest secret that is read; the longest token and connection string are well below. */
#define SECRET_MAX (64 * 1024)

/* A secret text. Whoever declares it wipes it. */
struct secret {
    char text[SECRET_MAX + 1];
    size_t len;
};

/* An option that takes a value: its name with both dashes, and the value, NULL until it is given. */
struct option {
    const char *name;
    const char *value;
};

/* Begins: `name` stands before each line on standard error. From here on `failed` knows what the library says. */
void begin(const char *name);

/* Writes a line to standard error. */
void say(const char *format, ...);

/* Says why a call did not succeed; `about` is what it was about, or NULL. Returns BAD_INPUT. */
int failed(const char *about, hubward_status status);

/*
 * Reads the arguments. Returns 0 to go on, 1 if `help` was asked for and printed, -1 for bad input, of which it said
 * what is wrong. What it does not know may be a secret, so that it quotes nothing.
 */
int read_options(int argc, char **argv, struct option *options, size_t count, const char *help);

/* Reads a whole number; 0 if it is one. */
int read_number(const char *text, uint64_t *number);

/*
 * The connection string of the file at `path`; where that is NULL, that of the variable
 * IOTHUB_DEVICE_CONNECTION_STRING; else that of a demonstration device. Returns where it came from, NULL for bad
 * input, of which it said what is wrong.
 */
const char *read_connection_string(const char *path, struct secret *secret);

/* What read_connection_string returns for the demonstration device, and what to say of it. */
extern const char DEMONSTRATION[];
void say_demonstration(void);

/* The clock's time, 0 if it has none. */
uint64_t now(void);

/* Writes a text to standard output, unbuffered: it may be a secret. Returns 0, or -1 and said why not. */
int print(const char *text, size_t len);

/* Overwrites memory, also where a compiler sees that nobody reads it any more. */
void wipe(void *memory, size_t len);

#endif
