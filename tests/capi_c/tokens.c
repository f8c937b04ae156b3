#include "harness.h"
void tokens(const char *folder) { (void)folder; }
