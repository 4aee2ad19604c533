/* libjpeg-turbo 3.2.0 for WebAssembly: 8-bit decoding only. */
#define JPEG_LIB_VERSION 62
#define LIBJPEG_TURBO_VERSION 3.2.0
#define LIBJPEG_TURBO_VERSION_NUMBER 3002000
#define WITH_SIMD 1
#ifndef BITS_IN_JSAMPLE
#define BITS_IN_JSAMPLE 8
#endif
