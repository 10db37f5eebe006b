import type { Report } from "../../lib/update/report/report.ts";

/** Reports of made-up updates, one for each way an update can end. */

const BASE: Report = {
  schema: 1,
  outcome: "updated",
  changed: true,
  vm: {
    name: "guest0",
    uuid: "5f3c1d52-9a53-4f0a-8f0e-8f1f3c1b9d11",
    qmp: "/run/vm/guest0.qmp",
    machine: "pc-q35-11.1",
  },
  pid_before: 4711,
  pid_after: 4711,
  mode: "cpr-exec",
  from: {
    program: "QEMU",
    version: "11.1.2",
    package: null,
    exe: "/opt/qemu-11.1.2/bin/qemu-system-x86_64",
  },
  to: {
    program: "QEMU",
    version: "11.1.3",
    package: null,
    exe: "/usr/bin/qemu-system-x86_64",
  },
  downtime_ms: 91.3,
  mode_why: null,
  downtime_predicted_ms: 88,
  downtime_start_ms: 74.1,
  phases: [
    { name: "facts", start_ms: 0, duration_ms: 12.1 },
    { name: "preflight", start_ms: 12.1, duration_ms: 34 },
    { name: "prepare", start_ms: 46.1, duration_ms: 25.2 },
    { name: "migrate", start_ms: 71.3, duration_ms: 6.7 },
    { name: "hold", start_ms: 78, duration_ms: 1.9 },
    { name: "switchover", start_ms: 79.9, duration_ms: 43.2 },
    { name: "load", start_ms: 123.1, duration_ms: 37.3 },
    { name: "verify", start_ms: 160.4, duration_ms: 1.8 },
    { name: "commit", start_ms: 162.2, duration_ms: 5.1 },
  ],
  checks: [
    { id: "ram-shared", verdict: "ok", detail: "6 blocks", remedy: null },
    { id: "mode-old", verdict: "ok", detail: "cpr-exec", remedy: null },
  ],
  command_changes: [],
  differences: [],
  ram: { blocks: 6, bytes: 269484032 },
  warnings: [],
  error: null,
};

/** An update as it should be, with all that can be said about it. */
export const updated: Report = {
  ...BASE,
  checks: [
    ...BASE.checks,
    {
      id: "unseen-settings",
      verdict: "warn",
      detail:
        "set_link, the balloon's target and the watchdog's action cannot be queried",
      remedy: "Set them again afterwards if they were changed by hand",
    },
    {
      id: "vmstate",
      verdict: "skipped",
      detail: "the binary is the same",
      remedy: null,
    },
  ],
  command_changes: [
    {
      from: "-incoming file:/old",
      to: "-S -incoming defer",
      why: "the new program waits for the state and for the last check",
    },
    { from: "-daemonize", to: null, why: "it is a daemon already" },
  ],
  warnings: ["A client of the VNC server was disconnected"],
};

/** The embedded machine, before and after. */
export const demonstrated: Report = {
  ...BASE,
  vm: { name: "demo", uuid: null, qmp: null, machine: "virt" },
  from: { program: "cprctl", version: "0.1.0", package: null, exe: null },
  to: { program: "cprctl", version: "0.1.0", package: null, exe: null },
  ram: { blocks: 1, bytes: 67108864 },
  checks: [],
  before_after: [
    { what: "pid", before: "4711", after: "4711" },
    { what: "program", before: "cprctl 0.1.0", after: "cprctl 0.1.0" },
    { what: "RAM inode", before: "52", after: "52" },
    { what: "RAM address", before: "0x7f1200000000", after: "0x7e8a00000000" },
    { what: "guest counter", before: "1200345", after: "1200399" },
  ],
};

/** A downtime that is short beside the whole. */
export const slowlyPrepared: Report = {
  ...BASE,
  mode_why: null,
  downtime_predicted_ms: null,
  downtime_start_ms: 4074.1,
  phases: BASE.phases.map((phase) =>
    phase.start_ms < 70
      ? {
        ...phase,
        start_ms: phase.start_ms * 57,
        duration_ms: phase.duration_ms * 57,
      }
      : { ...phase, start_ms: phase.start_ms + 4000 }
  ),
};

/** The VM was paused before and is now. */
export const pausedAllAlong: Report = {
  ...BASE,
  downtime_ms: null,
  mode_why: null,
  downtime_predicted_ms: null,
  downtime_start_ms: null,
};

/** Nothing was to do. */
export const upToDate: Report = {
  ...BASE,
  outcome: "up-to-date",
  changed: false,
  from: { ...BASE.from, version: "11.1.3" },
  downtime_ms: null,
  mode_why: null,
  downtime_predicted_ms: null,
  downtime_start_ms: null,
  phases: BASE.phases.slice(0, 1),
  checks: [],
  ram: null,
};

/** Only a check was asked for, and none said no. */
export const wouldUpdate: Report = {
  ...BASE,
  outcome: "would-update",
  to: { ...BASE.from, version: null },
  checks: updated.checks,
  command_changes: updated.command_changes,
  downtime_ms: null,
  mode_why: null,
  downtime_predicted_ms: null,
  downtime_start_ms: null,
  phases: BASE.phases.slice(0, 2),
  ram: null,
};

/** A check said no. */
export const refused: Report = {
  ...BASE,
  outcome: "refused",
  changed: false,
  to: null,
  downtime_ms: null,
  mode_why: null,
  downtime_predicted_ms: null,
  downtime_start_ms: null,
  phases: BASE.phases.slice(0, 2),
  checks: [
    ...BASE.checks,
    {
      id: "drift-block",
      verdict: "refuse",
      detail:
        'Disk "drive0" writes to "/var/lib/overlay.qcow2", the command line names "/var/lib/base.qcow2"',
      remedy: "Commit the overlay with block-commit, then update again",
    },
    {
      id: "memory-backends",
      verdict: "refuse",
      detail: 'RAM is not shared (share=off) and would be lost: "ram0"',
      remedy: "Copy its RAM to shared memory while it runs, with --mode " +
        "live, or restart the VM once with " +
        "-machine q35,accel=kvm,memory-backend=ram0,aux-ram-share=on " +
        "-object memory-backend-memfd,id=ram0,size=128M,share=on",
    },
  ],
  error: {
    code: "drift-block",
    message:
      'Disk "drive0" writes to "/var/lib/overlay.qcow2", the command line names "/var/lib/base.qcow2"; RAM is not shared (share=off) and would be lost: "ram0"',
    remedy: "Commit the overlay with block-commit, then update again",
    qemu: null,
  },
};

/** The new program died while it loaded. */
export const rolledBack: Report = {
  ...BASE,
  outcome: "rolled-back",
  changed: false,
  pid_after: 4790,
  downtime_ms: 187.4,
  phases: [
    ...BASE.phases.slice(0, 6),
    { name: "load", start_ms: 123.1, duration_ms: 48.2 },
    { name: "rollback", start_ms: 171.3, duration_ms: 90.2 },
  ],
  error: {
    code: "load-failed",
    message: "Cannot load the state: the new program ended",
    remedy: "Add -device virtio-rng-pci to the new command",
    qemu:
      "Unknown section or instance '0000:00:05.0/virtio-rng' 0. Make sure that your current VM setup matches your saved VM setup",
  },
};

/** The new program did not have the same VM as the old one. */
export const anotherVm: Report = {
  ...rolledBack,
  phases: [
    ...BASE.phases.slice(0, 8),
    { name: "rollback", start_ms: 162.2, duration_ms: 90.2 },
  ],
  differences: [
    {
      what: 'Device "net0/virtio-net-device": "mac"',
      before: '"52:54:00:12:34:56"',
      after: '"52:54:00:12:34:57"',
      verdict: "seen-by-guest",
      why: "the guest would notice it: the VM is rolled back",
    },
    {
      what: 'Device "rng1"',
      before: null,
      after: "virtio-rng-pci",
      verdict: "seen-by-guest",
      why: "the guest would notice it: the VM is rolled back",
    },
    {
      what: 'Network back end "net0": "fd"',
      before: null,
      after: '"17"',
      verdict: "host-side",
      why: "how QEMU reaches the same kind of back end",
    },
  ],
  error: {
    code: "another-vm",
    message: "The new program does not have the same VM: " +
      'Device "net0/virtio-net-device": "mac" was "52:54:00:12:34:56", is ' +
      '"52:54:00:12:34:57"; Device "rng1" is new; the VM runs on the old ' +
      "program, as process 4790",
    remedy: "Have the new program start with the same machine, devices and " +
      "images; look for a wrapper or a changed file in between",
    qemu: null,
  },
};

/** The old program did not come back either. */
export const needsPerson: Report = {
  ...rolledBack,
  outcome: "needs-person",
  changed: true,
  pid_after: null,
  downtime_ms: null,
  error: {
    code: "rollback-failed",
    message: "Cannot start the old program: its executable is gone",
    remedy: "Run cprctl recover; the RAM is held until then",
    qemu: null,
  },
};
