/*
 * For release builds, which put it before every C file (-include, see the Makefile):
 * asks for the oldest version of the functions that moved into libc.so.6 with glibc
 * 2.34. So a plugin built on a new system loads on an old one. The functions are the same.
 * It must not include anything: the files after it choose what libc declares.
 */
#ifndef __ASSEMBLER__

#if defined(__x86_64__)
#define SLS_OLD(name) __asm__(".symver " #name ", " #name "@GLIBC_2.2.5")
#elif defined(__aarch64__)
#define SLS_OLD(name) __asm__(".symver " #name ", " #name "@GLIBC_2.17")
#endif

#ifdef SLS_OLD
SLS_OLD(dlsym);
SLS_OLD(pthread_attr_getstack);
SLS_OLD(pthread_attr_getstacksize);
SLS_OLD(pthread_create);
SLS_OLD(pthread_getattr_np);
SLS_OLD(pthread_key_create);
SLS_OLD(pthread_setspecific);
SLS_OLD(pthread_sigmask);
#endif

#endif
