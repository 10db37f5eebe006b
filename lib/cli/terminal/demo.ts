/** The texts of the demo before and after the report. */

/** Printed while the machine starts. */
export const DEMO_INTRODUCTION =
  `A virtual machine is running, and its guest is counting. The program that runs
it is now replaced by a new one, in the same process and around the same memory.

`;

/** Printed at the end. */
export const DEMO_EPILOGUE = `
  by hand          cprctl machine --help
  on a real QEMU   cprctl update --help
`;
