#!/usr/bin/python3
"""A package manager whose packages are files. WANT_JSON

CPRCTL_TEST_PACKAGES names a folder with a file for each package: one line with
the path of the newest version, and one with the path where it is installed.
Only who has the lists updated learns of them.
"""

import json
import os
import sys


def upgrade(name, check_mode):
    """Puts the newest version in its place; tells whether it was another."""
    with open(os.path.join(os.environ["CPRCTL_TEST_PACKAGES"], name)) as file:
        newest, path = file.read().splitlines()
    if os.path.samefile(newest, path):
        return False
    if not check_mode:
        os.link(newest, path + ".draft")
        os.rename(path + ".draft", path)
    return True


def main():
    with open(sys.argv[1]) as file:
        options = json.load(file)
    if options["state"] != "latest":
        return {"failed": True, "msg": "Cannot do anything but upgrade"}
    if options.get("update_cache") is not True:
        return {"changed": False}
    try:
        check_mode = options["_ansible_check_mode"]
        changes = [upgrade(name, check_mode) for name in options["name"]]
        return {"changed": any(changes)}
    except OSError as error:
        return {"failed": True, "msg": str(error)}


print(json.dumps(main()))
