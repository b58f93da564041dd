// Command httpd is a small HTTP server that puts itself into the background,
// as daemons do, for demonstrations where there is no lighttpd.
//
//	httpd -listen 127.0.0.1:8080   the starter ends well once the daemon listens
//	httpd -get http://127.0.0.1:8080/   a client, prints the answer
//	httpd -free                         prints a free address of the loopback
//
// The daemon answers GET / with its pid.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// envStage tells a process which of the three it is: the starter (empty), the
// middle, which leaves the starter's session, or the daemon.
const envStage = "HTTPD_STAGE"

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "`address` to serve")
	get := flag.String("get", "", "print what `URL` answers, and end")
	free := flag.Bool("free", false, "print a free address of the loopback, and end")
	flag.Parse()
	if err := run(*listen, *get, *free); err != nil {
		fmt.Fprintln(os.Stderr, "httpd:", err)
		os.Exit(1)
	}
}

func run(listen, get string, free bool) error {
	switch stage := os.Getenv(envStage); {
	case get != "":
		return fetch(get)
	case free:
		return printFree()
	case stage == "middle":
		return next("daemon", os.NewFile(3, "ready"), false)
	case stage == "daemon":
		return serve(listen, os.NewFile(3, "ready"))
	}
	return background()
}

// background starts the middle, and waits for the daemon's word.
func background() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	if err := next("middle", w, true); err != nil {
		return err
	}
	w.Close()
	word, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if string(word) != "ready" {
		return errors.New("the daemon did not come up: " + string(word))
	}
	return nil
}

// next runs this program once more, as another stage, and does not wait for it.
func next(stage string, ready *os.File, setsid bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	if err := os.Setenv(envStage, stage); err != nil {
		return err
	}
	_, err = os.StartProcess(self, os.Args, &os.ProcAttr{
		Files: []*os.File{null, null, null, ready},
		Sys:   &syscall.SysProcAttr{Setsid: setsid},
	})
	return err
}

// serve is the daemon: it listens, says so to the starter, and answers until
// TERM.
func serve(listen string, ready *os.File) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	l, err := net.Listen("tcp", listen)
	if err != nil {
		_, werr := ready.WriteString(err.Error())
		return errors.Join(err, werr)
	}
	if _, err := ready.WriteString("ready"); err != nil {
		return err
	}
	ready.Close()
	server := http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-stop
		if err := server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "httpd:", err)
		}
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func answer(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, os.Getpid())
}

func fetch(url string) error {
	client := http.Client{Timeout: 5 * time.Second}
	r, err := client.Get(url)
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, r.Body)
	if r.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(r.Status))
	}
	return errors.Join(err, r.Body.Close())
}

func printFree() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return l.Close()
}
