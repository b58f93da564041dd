/*
 * shape: a program that comes up in the shape asked for, and tells the truth
 * about itself in a journal, so that a test knows it without the supervisor.
 *
 *	shape SHAPE JOURNAL [OPTION...]
 *	shape unclean PROGRAM [ARGS...]
 *
 * Every process of interest appends one line to JOURNAL when it stands:
 * "start PID" for each run, "main PID" for the true daemon, "helper PID" and
 * so on for the others. All of them exit 0 on TERM unless told otherwise.
 * A helper runs another executable: the copy of this one named shape-helper.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *journal;
static pid_t starter;
static char **arguments;

static struct {
	const char *pidfile; /* the daemon writes its pid here */
	int late;            /* that many ms after it stands */
	int empty;           /* and is there, empty, before (with late) */
	int refuse;          /* do not start beside an old pidfile */
	int code;            /* exit status on TERM */
	int linger;          /* late-*, renews: ms until the starter exits */
	int rate;            /* storm: forks a second */
	int seconds;         /* and for how long */
	const char *bound;   /* bomb: the pids.max that it is under */
	int count;           /* brief-children: how many */
	int want;            /* victim: its pid */
	int uid;             /* changes-uid: the new one */
} option = {.linger = 1000, .rate = 5000, .seconds = 10};

/* ---- small tools ---- */

static _Noreturn void die(const char *what)
{
	perror(what);
	_exit(99);
}

static void sleep_ms(int ms) { usleep(ms * 1000); }

/* note appends "ROLE PID" to the journal by a single write. */
static void note(const char *role)
{
	char line[64];
	int n = snprintf(line, sizeof line, "%s %d\n", role, (int)getpid());
	int fd = open(journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

	if (fd == -1 || write(fd, line, n) != n)
		die(journal);
	close(fd);
}

/* put_pidfile writes our pid, or nothing yet, when a pidfile is wanted. */
static void put_pidfile(int empty)
{
	FILE *f = option.pidfile ? fopen(option.pidfile, "we") : NULL;

	if (!option.pidfile)
		return;
	if (!f || (!empty && fprintf(f, "%d\n", (int)getpid()) < 0) || fclose(f))
		die(option.pidfile);
}

/* child forks a process that lives the given life in a session of its own,
 * and then exits 0. */
static void child(void (*life)(void))
{
	pid_t pid = fork();

	if (pid == -1)
		die("fork");
	if (pid == 0) {
		setsid();
		life();
		_exit(0);
	}
}

/* ---- lives ---- */

static void on_term(int sig)
{
	(void)sig;
	if (option.pidfile)
		unlink(option.pidfile);
	_exit(option.code);
}

/* stand lives until a signal ends it; no process outlives a broken test run by
 * more than five minutes. */
static _Noreturn void stand(const char *role)
{
	alarm(300);
	note(role);
	if (option.late) {
		sleep_ms(option.late);
		put_pidfile(0);
	}
	for (;;)
		pause();
}

/* serve stands, with a pidfile if wanted, and ends well on TERM. */
static _Noreturn void serve(const char *role)
{
	struct sigaction term = {.sa_handler = on_term};

	sigaction(SIGTERM, &term, NULL);
	if (!option.late || option.empty)
		put_pidfile(option.empty);
	stand(role);
}

static void daemon_life(void) { serve("main"); }
static void middle_life(void) { child(daemon_life); }

/* late_middle_life forks the daemon 100 ms after the starter has gone. */
static void late_middle_life(void)
{
	while (getppid() == starter)
		sleep_ms(1);
	sleep_ms(100);
	child(daemon_life);
}

static void ignoring_life(void)
{
	signal(SIGTERM, SIG_IGN);
	stand("escapee");
}

static void escaping_life(void) { child(ignoring_life); }
static void short_life(void) { sleep_ms(50); }

static void first_life(void)
{
	option.pidfile = NULL;
	serve("first");
}

static void second_life(void) { serve("second"); }

/* storm_child is one of very many: most are gone at once, some leave an orphan
 * that is as brief, and a few one that stays. */
static _Noreturn void storm_child(int n)
{
	int stays = n % 500 == 0;

	if (stays || n % 10 == 0) {
		pid_t pid = fork();

		if (pid == -1)
			die("fork");
		if (pid == 0 && stays) {
			alarm(300);
			for (;;)
				pause();
		}
	}
	_exit(0);
}

/* storm_life forks without end for a while, by the clock, and then stands. */
static void storm_life(void)
{
	struct timespec begin, now;
	int n = 0;

	note("storm");
	signal(SIGCHLD, SIG_IGN); /* they are reaped as they die */
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (;;) {
		double t;
		pid_t pid;

		clock_gettime(CLOCK_MONOTONIC, &now);
		t = now.tv_sec - begin.tv_sec + (now.tv_nsec - begin.tv_nsec) / 1e9;
		if (t > option.seconds)
			break;
		if (n > t * option.rate) {
			usleep(200);
			continue;
		}
		pid = fork();
		if (pid == -1)
			die("fork");
		if (pid == 0)
			storm_child(n);
		n++;
	}
	serve("main");
}

/* explode is a fork bomb that heeds no TERM, with every other process in a
 * session of its own. It is over after a minute, whatever becomes of the test. */
static _Noreturn void explode(void)
{
	time_t end = time(NULL) + 60;
	int n = 0;

	signal(SIGTERM, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	while (time(NULL) < end) {
		switch (fork()) {
		case -1:
			sleep_ms(5);
			break;
		case 0:
			if (n++ % 2)
				setsid();
		}
	}
	_exit(0);
}

/* on_fuse begins that, unless nothing bounds how many there can be. */
static void on_fuse(int sig)
{
	FILE *f = fopen(option.bound, "re");
	int max = 0;

	(void)sig;
	if (!f || fscanf(f, "%d", &max) != 1 || max > 1000)
		die(option.bound);
	fclose(f);
	if (fork() == 0)
		explode();
}

/* eat takes all the memory it can get, or 1 GiB. */
static void eat(int sig)
{
	(void)sig;
	for (int i = 0; i < 1024; i++) {
		char *p = malloc(1 << 20);

		if (!p)
			die("malloc");
		memset(p, 1, 1 << 20);
	}
}

/* spin forks without a pause. It is over after a minute, whatever becomes of the
 * test. */
static _Noreturn void spin(void)
{
	time_t end = time(NULL) + 60;

	while (time(NULL) < end)
		fork();
	_exit(0);
}

/* brief_children forks many children that end at once and leave no zombie. */
static void brief_children_now(int sig)
{
	(void)sig;
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < option.count; i++)
		if (fork() == 0) {
			note("brief");
			_exit(0);
		}
	sleep_ms(100);
	note("done");
}

/* on_any writes down which signal it was. */
static void on_any(int sig)
{
	char role[32];

	snprintf(role, sizeof role, "signal%d", sig);
	note(role);
}

/* helper_path is where shape-helper is. */
static void helper_path(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 8);

	if (n == -1)
		die("/proc/self/exe");
	strcpy(path + n, "-helper");
}

/* spawn_helper runs shape-helper in a session of its own; it has been exec'ed
 * when this returns. */
static void spawn_helper(const char *kind)
{
	char path[PATH_MAX];
	char *argv[] = {path, (char *)kind, (char *)journal, NULL};
	posix_spawnattr_t attr;
	pid_t pid;

	helper_path(path);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	errno = posix_spawn(&pid, path, NULL, &attr, argv, environ);
	if (errno)
		die(path);
}

/* become_helper execs it in place. */
static void become_helper(int sig)
{
	char path[PATH_MAX];

	(void)sig;
	helper_path(path);
	execl(path, path, "helper", journal, NULL);
	die(path);
}

static void waiting_life(void)
{
	signal(SIGUSR1, become_helper);
	stand("waiting");
}

/* ---- shapes: what the started program does; returning is exit(0) ---- */

static void foreground(void) { serve("main"); }

static void stubborn(void)
{
	signal(SIGTERM, SIG_IGN);
	stand("main");
}

/* slow ends when it was asked to by TERM, and then got USR1. */
static void on_slow_term(int sig)
{
	(void)sig;
	signal(SIGUSR1, on_term);
	note("asked");
}

static void slow(void)
{
	signal(SIGTERM, on_slow_term);
	stand("main");
}

/* block_hup blocks HUP, which is waited for by one of those below. */
static sigset_t block_hup(void)
{
	sigset_t hup;

	signal(SIGTERM, on_term);
	alarm(300);
	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	sigprocmask(SIG_BLOCK, &hup, NULL);
	return hup;
}

static void sigwait_hup(void)
{
	sigset_t hup = block_hup();

	for (note("main"); sigwaitinfo(&hup, NULL) > 0;)
		note("hup");
	die("sigwaitinfo");
}

static void signalfd_hup(void)
{
	sigset_t hup = block_hup();
	struct signalfd_siginfo info;
	int fd = signalfd(-1, &hup, SFD_CLOEXEC);

	for (note("main"); read(fd, &info, sizeof info) == sizeof info;)
		note("hup");
	die("signalfd");
}

static void *wait_hup(void *hup)
{
	for (note("main"); sigwaitinfo(hup, NULL) > 0;)
		note("hup");
	die("sigwaitinfo");
}

static void thread_hup(void)
{
	sigset_t hup = block_hup();
	pthread_t thread;

	if (pthread_create(&thread, NULL, wait_hup, &hup))
		die("pthread_create");
	for (;;)
		pause();
}

static void hog(void)
{
	signal(SIGUSR1, eat);
	serve("main");
}

static void on_asked(int sig)
{
	(void)sig;
	note("asked");
}

/* saves needs half a second to end when it is asked to, and tells how often it is. */
static void saves(void)
{
	struct sigaction term = {.sa_handler = on_asked};

	sigaction(SIGTERM, &term, NULL);
	note("main");
	pause();
	for (int i = 0; i < 50; i++)
		sleep_ms(10);
	note("saved");
}

/* spinner is main, and a fork bomb below it. */
static void spinner(void)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0)
		spin();
	stand("main");
}

static void brief_children(void)
{
	signal(SIGUSR1, brief_children_now);
	serve("main");
}

/* subreaper has its orphans come home to itself. */
static void subreaper(void)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		die("prctl");
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 3; i++)
		child(escaping_life);
	serve("main");
}

static void become(int uid)
{
	if (setresuid(uid, uid, uid) == -1)
		die("setresuid");
}

/* changes_uid drops its privileges, with a child from before and one after. */
static void changes_uid(void)
{
	child(ignoring_life);
	become(option.uid);
	child(ignoring_life);
	serve("main");
}

/* setuid_root is of use with the setuid bit: then only root can end it. */
static void setuid_root(void)
{
	become(0);
	serve("root");
}

/* churn forks children that live for up to 0.1 s, at a rate, without end, and
 * notes each hundred; every tenth heeds no TERM. */
static void churn(void)
{
	struct sigaction term = {.sa_handler = on_term};

	alarm(300);
	signal(SIGCHLD, SIG_IGN);
	sigaction(SIGTERM, &term, NULL);
	note("main");
	for (int n = 0;; n++) {
		if (fork() == 0) {
			signal(SIGTERM, n % 10 ? SIG_DFL : SIG_IGN);
			sleep_ms(n * 7919 % 100);
			_exit(0);
		}
		if (n % 100 == 99)
			note("hundred");
		usleep(1000000 / option.rate);
	}
}

/* victim has nothing to do with any service, and writes down each signal that it
 * gets. With pid= it is another process, of that pid, which needs root. */
static void victim(void)
{
	pid_t want = option.want;
	struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&want, .set_tid_size = 1};
	long pid = want ? syscall(SYS_clone3, &args, sizeof args) : 0;
	int null = open("/dev/null", O_RDWR);

	if (pid == -1)
		die("clone3");
	if (pid > 0)
		return;
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, on_any); /* but KILL and STOP */
	alarm(300);
	note("victim");
	for (;;)
		pause();
}

static void single_fork(void) { child(daemon_life); }
static void double_fork(void) { child(middle_life); }

static void late_starter(void)
{
	child(middle_life);
	sleep_ms(option.linger);
}

static void wake(int sig) { (void)sig; }

/* late_fork goes to the background after a while, or when it gets USR1. */
static void late_fork(void)
{
	signal(SIGUSR1, wake);
	sleep_ms(option.linger);
	child(daemon_life);
}

/* late_ready forks the daemon at once, and waits until that is ready. */
static void late_ready(void)
{
	child(daemon_life);
	sleep_ms(option.linger);
}

/* renewed is the next one's life: it execs itself, late ms after its birth. */
static void renewed(void)
{
	sleep_ms(option.late);
	setenv("SHAPE_RENEWED", "", 1);
	execv(arguments[0], arguments);
	die(arguments[0]);
}

/* renews replaces itself after a while by a new one of the same program. */
static void renews(void)
{
	if (getenv("SHAPE_RENEWED")) {
		option.late = 0;
		serve("main");
	}
	sleep_ms(option.linger);
	child(renewed);
}

static void late_middle(void) { child(late_middle_life); }

static void helper_before(void)
{
	spawn_helper("helper");
	child(daemon_life);
}

static void helper_after(void)
{
	child(daemon_life);
	spawn_helper("helper");
}

/* late_helper puts a helper beside its daemon that is not exec'ed before it is
 * asked to by USR1; so it leaves itself. */
static void late_helper(void)
{
	child(daemon_life);
	child(waiting_life);
	signal(SIGUSR1, on_term);
	stand("leaving");
}

static void helper_brief(void)
{
	child(daemon_life);
	spawn_helper("brief");
}

static void daemon_with_helper_life(void)
{
	spawn_helper("helper");
	serve("main");
}

static void helper_child(void) { child(daemon_with_helper_life); }

static void starter_fails(void)
{
	child(daemon_life);
	_exit(3);
}

static void launcher(void)
{
	child(short_life);
	wait(NULL);
}

static void escapees(void)
{
	for (int i = 0; i < 3; i++)
		child(escaping_life);
	serve("main");
}

/* clone_parent makes a daemon that is its creator's sibling, not its child. */
static void clone_parent(void)
{
	long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	if (pid == -1)
		die("clone");
	if (pid == 0) {
		setsid();
		daemon_life();
	}
}

static void storm(void) { child(storm_life); }

/* bomb is a daemon that becomes a fork bomb beside itself on USR2. */
static void bomb(void)
{
	signal(SIGUSR2, on_fuse);
	serve("main");
}

/* twins are two daemons that can't be told apart; a pidfile names the second. */
static void twins(void)
{
	child(first_life);
	child(second_life);
}

/* what shape-helper does */
static void helper(void) { serve("helper"); }

static void brief(void)
{
	note("helper");
	sleep_ms(1000);
}

/* ---- the rest ---- */

/* unclean execs a program with signals ignored and blocked and descriptors
 * open, as a careless parent would. */
static void unclean(char **argv)
{
	sigset_t set;

	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int fd = 3; fd < 12; fd++)
		dup2(STDIN_FILENO, fd);
	execvp(argv[0], argv);
	die(argv[0]);
}

static const struct {
	const char *name;
	void (*run)(void);
} shapes[] = {
	{"foreground", foreground},
	{"stubborn", stubborn},
	{"sigwait-hup", sigwait_hup},
	{"signalfd-hup", signalfd_hup},
	{"thread-hup", thread_hup},
	{"single-fork", single_fork},
	{"double-fork", double_fork},
	{"late-starter", late_starter},
	{"late-fork", late_fork},
	{"late-ready", late_ready},
	{"renews", renews},
	{"late-middle", late_middle},
	{"helper-before", helper_before},
	{"helper-after", helper_after},
	{"late-helper", late_helper},
	{"helper-brief", helper_brief},
	{"helper-child", helper_child},
	{"starter-fails", starter_fails},
	{"launcher", launcher},
	{"escapees", escapees},
	{"clone-parent", clone_parent},
	{"storm", storm},
	{"bomb", bomb},
	{"twins", twins},
	{"slow", slow},
	{"saves", saves},
	{"hog", hog},
	{"spinner", spinner},
	{"brief-children", brief_children},
	{"subreaper", subreaper},
	{"changes-uid", changes_uid},
	{"setuid-root", setuid_root},
	{"churn", churn},
	{"victim", victim},
	{"helper", helper},
	{"brief", brief},
};

static void read_option(const char *arg)
{
	if (sscanf(arg, "late=%d", &option.late) == 1 ||
	    sscanf(arg, "exit=%d", &option.code) == 1 ||
	    sscanf(arg, "linger=%d", &option.linger) == 1 ||
	    sscanf(arg, "rate=%d", &option.rate) == 1 ||
	    sscanf(arg, "count=%d", &option.count) == 1 ||
	    sscanf(arg, "uid=%d", &option.uid) == 1 ||
	    sscanf(arg, "pid=%d", &option.want) == 1 ||
	    sscanf(arg, "seconds=%d", &option.seconds) == 1)
		return;
	if (!strncmp(arg, "pidfile=", 8))
		option.pidfile = arg + 8;
	else if (!strncmp(arg, "bound=", 6))
		option.bound = arg + 6;
	else if (!strcmp(arg, "empty"))
		option.empty = 1;
	else if (!strcmp(arg, "refuse"))
		option.refuse = 1;
	else
		fprintf(stderr, "shape: what is %s?\n", arg), _exit(98);
}

/* begin is every start's first act. */
static void begin(void)
{
	note("start");
	if (option.refuse && access(option.pidfile, F_OK) == 0)
		_exit(1);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 98;
	if (!strcmp(argv[1], "unclean"))
		unclean(argv + 2);
	journal = argv[2];
	starter = getpid();
	arguments = argv;
	for (int i = 3; i < argc; i++)
		read_option(argv[i]);
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		if (strcmp(argv[1], shapes[i].name))
			continue;
		if (shapes[i].run != helper && shapes[i].run != brief && shapes[i].run != victim)
			begin();
		shapes[i].run();
		return 0;
	}
	return 98;
}
