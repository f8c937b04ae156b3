#include "harness.h"
void stores(const char *folder) { (void)folder; }
