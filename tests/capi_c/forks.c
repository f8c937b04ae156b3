#include "harness.h"
void forks(const char *folder) { (void)folder; }
