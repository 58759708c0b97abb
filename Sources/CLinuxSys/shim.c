#include "CLinuxSys.h"
