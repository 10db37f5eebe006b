"""Writes each result of a playbook as a line of JSON to CPRCTL_TEST_RESULTS."""

import json
import os

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "results"

    def _write(self, end, result):
        line = {
            "end": end,
            "host": result._host.get_name(),
            "action": result._task.action,
            "result": result._result,
        }
        with open(os.environ["CPRCTL_TEST_RESULTS"], "a") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_ok(self, result):
        self._write("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._write("failed", result)
