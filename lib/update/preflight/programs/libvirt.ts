import { ok, type PreflightCheck, refuse } from "../check.ts";

/** What libvirt puts on every command line. */
const MONITOR = "charmonitor";
const MASTER_KEY = "masterKey0";

/** No libvirt watches the VM: it would take the exec for the VM's end. */
export const libvirt: PreflightCheck = {
  id: "libvirt",
  run({ running }) {
    const managed = running.all("chardev", "id").includes(MONITOR) ||
      running.all("object", "id").includes(MASTER_KEY);
    return Promise.resolve(
      managed
        ? refuse(
          "The VM is managed by libvirt, which ends a VM whose monitor " +
            "connection closes, as it does at an exec",
          "Use libvirt's own means, such as virsh managedsave and start",
        )
        : ok("no libvirt manages the VM"),
    );
  },
};
