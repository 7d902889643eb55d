// Keeps signals away from threads that compute. oneDNN's float32 matrix product for small factors has the stack pointer in a heap block
// while it works (mended in oneDNN 3.12; TensorFlow 2.21 has 3.7.3): the frame of a signal handler that runs meanwhile, for a
// profiler, Ctrl+C, a resized terminal or the end of a child process, overwrites what is before that block
// (https://github.com/uxlfoundation/oneDNN/issues/4845). A blocked signal waits until the operation is done, or another thread takes it.
// Included before tfjs-node's source, which calls these functions.
#pragma once
#include <pthread.h>
#include <signal.h>

#include <initializer_list>

#include "tensorflow/c/eager/c_api.h"

namespace notebooks {

// For the thread that makes one, as long as it lives, and for the threads that are started meanwhile, for ever.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t blocked;
    sigfillset(&blocked);
    // These say that the thread itself has failed.
    for (int fault : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP}) sigdelset(&blocked, fault);
    pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

inline void ExecuteUndisturbed(TFE_Op* op, TFE_TensorHandle** results, int* count, TF_Status* status) {
  const BlockedSignals blocked;
  TFE_Execute(op, results, count, status);
}

// TensorFlow's threads are started with the context. Between two operations they sleep: turning around for the next one, as they do
// otherwise, takes a tenth of the time of small trainings from whatever else is computed, such as another notebook, and gains nothing.
inline TFE_Context* NewUndisturbedContext(TFE_ContextOptions* options, TF_Status* status) {
  const BlockedSignals blocked;
  // A tensorflow.ConfigProto: experimental (field 16) { disable_thread_spinning (field 9): true }.
  constexpr unsigned char config[] = {0x82, 0x01, 2, 0x48, 1};
  TFE_ContextOptionsSetConfig(options, config, sizeof config, status);
  if (TF_GetCode(status) != TF_OK) return nullptr;
  return TFE_NewContext(options, status);
}

}  // namespace notebooks

#define TFE_Execute notebooks::ExecuteUndisturbed
#define TFE_NewContext notebooks::NewUndisturbedContext
