// Package plan is what the two sides of test/kernels tell each other: the host what is to be run, and the virtual machine
// what came of it.
package plan

// File is where the guest finds its Plan, as JSON.
const File = "/plan.json"

// Results is the device on which the guest sends Messages, a JSON object a line.
const Results = "/dev/ttyS1"

// Respawner is where the guest has it.
const Respawner = "/bin/respawner"

// Plan is what a guest runs: each suite once for each account.
type Plan struct {
	Accounts []Account
	Suites   []Suite
}

// Account is a user of the guest.
type Account struct {
	Name string
	UID  uint32
}

// Suite is a call of a test binary.
type Suite struct {
	Name string
	Dir  string // where its testdata is
	Args []string
	Env  []string
}

// Message is what a guest sends: what it has found out for an account, a line that a suite has written, or how it ended.
type Message struct {
	Account string
	Suite   string `json:",omitempty"`
	Facts   *Facts `json:",omitempty"`
	Line    string `json:",omitempty"`
	End     *End   `json:",omitempty"`
	Done    bool   `json:",omitempty"` // this was all
}

// End is how a suite ended.
type End struct {
	Err     string // "": all is well
	Seconds float64
}

// Facts is what an account has on a kernel, each found out by trying.
type Facts struct {
	Kernel       string // the release
	Step         string // of the ladder, that respawner takes by itself
	Reason       string // why no better one
	Steps        []string
	Pidfs        bool // a pidfd has an inode of its own
	ExitOfOthers bool // a pidfd tells how another process's child ended
}
