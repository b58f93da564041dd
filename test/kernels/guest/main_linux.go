// Command guest is the init of a virtual machine of test/kernels, and all it runs: it does what the plan says and turns
// the machine off.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// The roles that this program has beside that of init.
const (
	roleRunner = "run"
	roleProbe  = "probe"
)

func main() {
	var err error
	switch {
	case os.Getpid() == 1:
		err = boot()
		powerOff(err)
	case os.Args[1] == roleRunner:
		err = runPlan()
	case os.Args[1] == roleProbe:
		err = probe()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(1)
	}
}

// powerOff ends the machine. Should that fail, the end of init makes the kernel panic, and that ends it too.
func powerOff(err error) {
	fmt.Println("guest: the end:", err)
	unix.Sync()
	fmt.Println("guest:", unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}
