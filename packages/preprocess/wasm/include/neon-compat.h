/* Neon intrinsics for WebAssembly (https://github.com/simd-everywhere/simde). */
#define HAVE_VLD1_S16_X3
#define HAVE_VLD1_U16_X2
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/arm/neon.h>
#define BUILTIN_CLZ(x) __builtin_clz(x)
#define BUILTIN_CLZLL(x) __builtin_clzll(x)
#define BUILTIN_BSWAP64(x) __builtin_bswap64(x)
