import { ok, type PreflightCheck, refuse } from "../check.ts";

/** Groups, devices and containers, and what the kernel makes of them. */
const VFIO = /^\/dev\/vfio\/|^anon_inode:\[?vfio/;

/** No device of the host is given to the guest: it was not proven to go back. */
export const vfio: PreflightCheck = {
  id: "vfio",
  async run({ files }) {
    const links = [...(await files.open()).values()].map(({ link }) => link);
    return links.some((link) => VFIO.test(link))
      ? refuse(
        "The VM has devices of the host (vfio), and could not be put back " +
          "with them",
        "Take them out of the VM, or restart it on the new program",
      )
      : ok("the VM has no devices of the host");
  },
};
