#include "harness.h"
void caches(const char *folder) { (void)folder; }
