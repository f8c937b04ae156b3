#include "harness.h"
void callbacks(const char *folder) { (void)folder; }
