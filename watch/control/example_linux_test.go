package control_test

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"

	"respawner/watch/control"
)

// A supervisor claims a service and answers on its socket; a client, mostly in
// another process, finds it by the service's name.
func Example() {
	path, err := os.MkdirTemp("", "control")
	check(err)
	defer os.RemoveAll(path)
	dir, err := control.MakeDir(path)
	check(err)
	defer dir.Close()

	claim, err := dir.Claim("webserver")
	check(err)
	socket, err := claim.Listen()
	check(err)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		answerOnce(socket)
	}()

	status, presence, err := dir.Status("webserver")
	check(err)
	fmt.Println(status.Name, status.State, presence == control.Held)
	<-answered

	check(claim.Release(status)) // its last words
	status, presence, err = dir.Status("webserver")
	check(err)
	fmt.Println(status.Name, status.State, presence == control.Absent)
	// Output:
	// webserver running true
	// webserver running true
}

// answerOnce is a server for one request.
func answerOnce(socket int) {
	file := os.NewFile(uintptr(socket), "control")
	listener, err := net.FileListener(file)
	check(err)
	check(file.Close())
	defer listener.Close()
	conn, err := listener.Accept()
	check(err)
	defer conn.Close()

	line, err := bufio.NewReader(conn).ReadBytes('\n')
	check(err)
	reply := control.Reply{V: control.Version}
	if _, err := control.ParseRequest(line[:len(line)-1]); err != nil {
		reply.Error = err.Error()
	} else {
		reply.Status = control.Unsupervised("webserver")
		reply.Status.State = "running"
	}
	_, err = conn.Write(control.Line(reply))
	check(err)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
