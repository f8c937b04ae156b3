#include "harness.h"
void threads(const char *folder) { (void)folder; }
