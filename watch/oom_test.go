package watch

import (
	"fmt"
	"strings"
	"testing"
)

func TestOOMVictim(t *testing.T) {
	for record, want := range map[string]int{
		"6,2696,12986407736,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,oom_memcg=/x,task_memcg=/x,task=python3,pid=8312,uid=0\n": 8312,
		"6,1,1,-;oom-kill:constraint=CONSTRAINT_NONE,task=a,pid=1,uid=0,pid=77,uid=1000\n":                                                            77,
		"3,2697,12986407746,-;Memory cgroup out of memory: Killed process 8312 (python3) total-vm:118968kB, UID:0\n":                                  8312,
		"3,1,1,-;Out of memory: Killed process 5 (a) total-vm:1kB\n SUBSYSTEM=x\n":                                                                    5,
		"11,1,1,-;Out of memory: Killed process 5 (a) total-vm:1kB\n":                                                                                 0, // written by a process
		"3,1,1,-;a: Out of memory: Killed process 5 (a)\n":                                                                                            0,
		"6,1,1,-;oom-kill:constraint=CONSTRAINT_NONE,task=a\n":                                                                                        0,
		"6,1,1,-;oom-kill:,pid=5[77]: segfault at 0\n":                                                                                                0,
		"6,1,1,-;[   8312]     0  8312    29742\n":                                                                                                    0,
		"3,1,1,-;Out of memory: Killed process 99999999999999999999 (a)\n":                                                                            0,
		"":        0,
		";oom":    0,
		"no, not": 0,
	} {
		if got := oomVictim([]byte(record)); got != want {
			t.Errorf("%q: %d, want %d", record, got, want)
		}
	}
}

// FuzzOOMVictim: no name that a process gives itself makes another one the victim.
func FuzzOOMVictim(f *testing.F) {
	for _, name := range []string{"sleep", ",pid=1,uid=0", ") (", ";", ": Killed process 1 (", ""} {
		f.Add(name, uint32(7))
	}
	f.Fuzz(func(t *testing.T, name string, pid uint32) {
		name, want := strings.ReplaceAll(name, "\n", ""), int(pid)
		for _, record := range []string{
			fmt.Sprintf("6,1,1,-;oom-kill:constraint=CONSTRAINT_NONE,task=%s,pid=%d,uid=0\n", name, want),
			fmt.Sprintf("3,1,1,-;Out of memory: Killed process %d (%s) total-vm:1kB\n", want, name),
		} {
			if got := oomVictim([]byte(record)); got != want {
				t.Errorf("%q: %d", record, got)
			}
		}
		if got := oomVictim([]byte("14,1,1,-;" + name)); got != 0 {
			t.Errorf("a process has written %q: %d", name, got)
		}
	})
}

func TestOOMFile(t *testing.T) {
	const (
		one = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
		two = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:1 - cgroup2 cgroup2 rw,nsdelegate\n"
		own = "41 31 0:38 /docker/a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	)
	for _, c := range []struct{ cgroups, mounts, want string }{
		{"5:cpu:/c\n4:memory:/a/b\n0::/\n", two + one, "/sys/fs/cgroup/memory/a/b/memory.oom_control"},
		{"4:cpu,memory:/a\n", "1 1 0:1 / /m rw - cgroup x rw,cpu,memory\n", "/m/a/memory.oom_control"},
		{"0::/user.slice/x\n", one + two, "/sys/fs/cgroup/unified/user.slice/x/memory.events"},
		{"0::/docker/a/b\n", own, "/sys/fs/cgroup/b/memory.events"},
		{"0::/docker/a\n", own, "/sys/fs/cgroup/memory.events"},
		{"0::/elsewhere\n", own, ""},
		{"0::/a\n", one, ""},
		{"4:memory:/a\n", two, ""},
		{"", one + two, ""},
		{"garbage\n::\n", "garbage\n - cgroup\n", ""},
	} {
		if got := oomFile(c.cgroups, c.mounts); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.cgroups, c.mounts, got, c.want)
		}
	}
}

func TestOOMCount(t *testing.T) {
	for text, want := range map[string]int{
		"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n":                3,
		"low 0\nhigh 0\nmax 9\noom 1\noom_kill 12\noom_group_kill 0\n": 12,
		"oom_kill x\n": 0,
		"":             0,
	} {
		if got := oomCount([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
