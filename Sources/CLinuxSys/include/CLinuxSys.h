#ifndef CLINUXSYS_H
#define CLINUXSYS_H
#endif
