/*
 * Before every C file of flbhost, after shared/flb/glibc.h: the host that proves the
 * plugins under an old glibc has to load there itself.
 */
#if defined(__x86_64__)
#define SLS_START "GLIBC_2.2.5"
__asm__(".symver pthread_setname_np, pthread_setname_np@GLIBC_2.12");
#else
#define SLS_START "GLIBC_2.17"
SLS_OLD(pthread_setname_np);
#endif
SLS_OLD(dlclose);
SLS_OLD(dlerror);
SLS_OLD(dlopen);
SLS_OLD(pthread_join);

/*
 * What begins a program asks for the __libc_start_main of its day, which ld's --wrap leads
 * here. The older one takes a program's own constructors, of which flbhost has none.
 */
__asm__(".symver sls_start, __libc_start_main@" SLS_START);
int sls_start(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
int __wrap___libc_start_main(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

__attribute__((weak)) int __wrap___libc_start_main(int (*program)(int, char **, char **), int argc, char **argv,
	void (*init)(void), void (*fini)(void), void (*end)(void), void *stack)
{
	(void) init;
	(void) fini;
	return sls_start(program, argc, argv, 0, 0, end, stack);
}
