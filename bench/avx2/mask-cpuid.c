// Loaded with LD_PRELOAD by run.mjs: answers the `ud2` that stands where the runtime's library had `cpuid`, without the bits of AVX-512,
// VNNI and AMX, so that the library chooses the kernels of a processor with AVX2 alone.
#define _GNU_SOURCE
#include <cpuid.h>
#include <dlfcn.h>
#include <signal.h>
#include <ucontext.h>

static struct sigaction before;

static void answer(int signal, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *at = (const unsigned char *)registers[REG_RIP];
  if (at[0] != 0x0f || at[1] != 0x0b) {
    sigaction(SIGILL, &before, 0);
    return;
  }
  unsigned a, b, c, d;
  const unsigned leaf = registers[REG_RAX], part = registers[REG_RCX];
  __cpuid_count(leaf, part, a, b, c, d);
  if (leaf == 7 && part == 0) {
    b &= ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31); // AVX-512 F DQ IFMA PF ER CD BW VL
    c &= ~(1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14);                                   // VBMI VBMI2 VNNI BITALG VPOPCNTDQ
    d &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25);              // 4VNNIW 4FMAPS VP2INTERSECT AMX FP16
  }
  if (leaf == 7 && part == 1) {
    a &= ~(1u << 4 | 1u << 5 | 1u << 21 | 1u << 23); // AVX-VNNI AVX512-BF16 AMX-FP16 AVX-IFMA
    d &= ~(1u << 4 | 1u << 5);                       // AVX-VNNI-INT8 AVX-NE-CONVERT
  }
  registers[REG_RAX] = a;
  registers[REG_RBX] = b;
  registers[REG_RCX] = c;
  registers[REG_RDX] = d;
  registers[REG_RIP] += 2;
}

/** Node resets all handlers when it starts, so ours is set each time that a library is opened. */
void *dlopen(const char *file, int mode) {
  static void *(*real)(const char *, int);
  if (!real) real = dlsym(RTLD_NEXT, "dlopen");
  struct sigaction ours = {0};
  ours.sa_sigaction = answer;
  ours.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGILL, &ours, &before);
  return real(file, mode);
}
