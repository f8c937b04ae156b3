#include "harness.h"
void vectors(const char *folder) { (void)folder; }
