"""A kernel that answers every cell with one message: explain_kernel.py MESSAGE -f CONNECTION_FILE

Takes the place of the notebook kernel where that cannot start, so that the reader learns why in the first cell they run.
"""

import sys

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

MESSAGE = sys.argv.pop(1)


class ExplainKernel(Kernel):
    implementation = "explain"
    implementation_version = "1"
    banner = MESSAGE
    language_info = {"name": "typescript", "mimetype": "text/typescript", "file_extension": ".ts"}

    def do_execute(self, code, silent, store_history=True, user_expressions=None, allow_stdin=False, **options):
        error = {"ename": "NotReady", "evalue": MESSAGE, "traceback": [MESSAGE]}
        if not silent:
            self.send_response(self.iopub_socket, "error", error)
        return {"status": "error", "execution_count": self.execution_count, **error}


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=ExplainKernel)
