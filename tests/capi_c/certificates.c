#include "harness.h"
void certificates(const char *folder) { (void)folder; }
