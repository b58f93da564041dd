package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// releases are Debian's suites in which a kernel is looked for. The highest version wins.
var releases = map[string][]string{
	"5.10":   {"bullseye"},
	"6.1":    {"bookworm"},
	"6.12":   {"trixie"},
	"newest": {"unstable", "experimental", "trixie-backports"},
}

// getKernel returns a kernel's file in dir, where it is fetched to unless it was before.
func getKernel(ctx context.Context, dir, name string) (string, error) {
	suites, ok := releases[name]
	if !ok {
		return "", errors.New("no such kernel is known")
	}
	path := filepath.Join(dir, "vmlinuz")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	apt, err := newApt(ctx, filepath.Join(dir, "apt"), suites)
	if err != nil {
		return "", err
	}
	packages, err := apt.newestKernel(ctx)
	if err != nil {
		return "", err
	}
	return path, apt.fetch(ctx, packages, path)
}

// apt is an apt with sources and a state of its own, beside those of the machine.
type apt struct{ dir string }

func newApt(ctx context.Context, dir string, suites []string) (*apt, error) {
	mirror, err := mirror(ctx)
	if err != nil {
		return nil, err
	}
	a := &apt{dir}
	var sources strings.Builder
	for _, suite := range suites {
		fmt.Fprintf(&sources, "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", mirror, suite)
	}
	config := fmt.Sprintf(`Dir::State "%[1]s/state"; Dir::State::status "/dev/null"; Dir::Cache "%[1]s/cache";
Dir::Etc::SourceList "%[1]s/sources.list"; Dir::Etc::SourceParts "/dev/null"; Dir::Etc::PreferencesParts "/dev/null";
APT::Architecture "amd64"; APT::Sandbox::User "root"; Acquire::Languages "none";
`, dir)
	err = errors.Join(
		os.RemoveAll(dir),
		os.MkdirAll(filepath.Join(dir, "state/lists/partial"), 0o755),
		os.MkdirAll(filepath.Join(dir, "cache/archives/partial"), 0o755),
		os.WriteFile(filepath.Join(dir, "sources.list"), []byte(sources.String()), 0o644),
		os.WriteFile(filepath.Join(dir, "apt.conf"), []byte(config), 0o644),
	)
	if err == nil {
		_, err = a.run(ctx, "apt-get", "-qq", "update")
	}
	return a, err
}

// mirror is where this machine gets Debian's packages from.
func mirror(ctx context.Context) (string, error) {
	out, err := command(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)",
		"Created-By: Packages", "Origin: Debian", "Label: Debian").Output()
	first, _, _ := strings.Cut(string(out), "\n")
	if err == nil && first == "" {
		err = errors.New("none of this machine's sources is Debian (apt-get update?)")
	}
	return first, explain("apt-get indextargets", err)
}

func (a *apt) run(ctx context.Context, args ...string) (string, error) {
	cmd := command(ctx, args...)
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.dir, "apt.conf"))
	cmd.Dir = a.dir
	out, err := cmd.Output()
	return string(out), explain(strings.Join(args, " "), err)
}

var (
	imagePackage  = regexp.MustCompile(`(?m)^Depends:.*\b(linux-image-[0-9]\S+)`)
	binaryPackage = regexp.MustCompile(`(?m)^Depends:.*\b(linux-binary-\S+)`) // where Debian has the kernel itself since Linux 7.3
)

// newestKernel names the packages of the newest kernel for virtual machines.
func (a *apt) newestKernel(ctx context.Context) ([]string, error) {
	newest, err := a.run(ctx, "apt-cache", "show", "linux-image-cloud-amd64") // the highest version first
	if err != nil {
		return nil, err
	}
	image := imagePackage.FindStringSubmatch(newest)
	if image == nil {
		return nil, errors.New("linux-image-cloud-amd64 depends on no kernel")
	}
	shown, err := a.run(ctx, "apt-cache", "show", image[1])
	if binary := binaryPackage.FindStringSubmatch(shown); binary != nil {
		return []string{image[1], binary[1]}, err
	}
	return image[1:], err
}

// fetch gets the kernel out of packages. What was downloaded is removed.
func (a *apt) fetch(ctx context.Context, packages []string, path string) error {
	fmt.Println("fetching", strings.Join(packages, " "))
	if _, err := a.run(ctx, append([]string{"apt-get", "-qq", "download"}, packages...)...); err != nil {
		return err
	}
	files, err := filepath.Glob(a.dir + "/*.deb")
	for _, file := range files {
		if err == nil {
			_, err = a.run(ctx, "dpkg-deb", "-x", file, a.dir+"/root")
		}
	}
	if err != nil {
		return err
	}
	kernel, err := findKernel(a.dir + "/root")
	return errors.Join(err, os.Rename(kernel, path), os.RemoveAll(a.dir))
}

func findKernel(root string) (path string, err error) {
	err = filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && strings.HasPrefix(entry.Name(), "vmlinuz") {
			path = at
		}
		return err
	})
	if err == nil && path == "" {
		err = errors.New("no vmlinuz in the packages")
	}
	return path, err
}

func command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, args[0], args[1:]...)
}

// explain adds what a command has written about its failure.
func explain(what string, err error) error {
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return fmt.Errorf("%s: %w\n%s", what, err, failed.Stderr)
	}
	return err
}
