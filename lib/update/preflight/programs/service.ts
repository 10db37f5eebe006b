import { ok, type PreflightCheck, refuse, warn } from "../check.ts";

const REMEDY = "Set ExitType=cgroup in the unit, and run systemctl " +
  "daemon-reload";

/** In a rollback the VM's process ends: its unit must not end with it. */
export const service: PreflightCheck = {
  id: "service",
  run({ facts: { service } }) {
    if (service === undefined) {
      return Promise.resolve(ok("the VM is no service of systemd"));
    }
    const name = `"${service.name}"`;
    switch (service.fate) {
      case "stays":
        return Promise.resolve(
          ok(`the service ${name} does not end with the VM's process`),
        );
      case "ends":
        return Promise.resolve(warn(
          `The service ${name} ends with its main process: a VM that had to ` +
            "be put back would run outside of it",
          REMEDY,
        ));
      case "restarts":
        return Promise.resolve(refuse(
          `The service ${name} starts anew when its main process ends: it ` +
            "would start a second VM beside one that had to be put back",
          REMEDY,
        ));
      case "unknown":
        return Promise.resolve(warn(
          `Systemd does not say whether the service ${name} ends with its ` +
            "main process: a VM that had to be put back would run outside of it",
          "See that the unit has ExitType=cgroup",
        ));
    }
  },
};
