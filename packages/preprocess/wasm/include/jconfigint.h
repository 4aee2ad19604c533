/* libjpeg-turbo 3.2.0 for WebAssembly: its Neon kernels, translated by SIMDe. */
#define BUILD "wasm"
#define PACKAGE_NAME "libjpeg-turbo"
#define VERSION "3.2.0"
#define HIDDEN
#undef inline
#define INLINE inline __attribute__((always_inline))
#define THREAD_LOCAL
#define FALLTHROUGH __attribute__((fallthrough));
#define SIZEOF_SIZE_T 4
#define HAVE_BUILTIN_CTZL
#ifndef BITS_IN_JSAMPLE
#define BITS_IN_JSAMPLE 8
#endif
#undef WITH_SIMD
#if BITS_IN_JSAMPLE == 8
#define WITH_SIMD 1
#define SIMD_ARCHITECTURE ARM64
#endif
