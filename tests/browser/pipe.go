package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

// pipe speaks the DevTools protocol over --remote-debugging-pipe: JSON messages,
// each ended by a zero byte. One goroutine reads until the browser is gone.
type pipe struct {
	in, out *os.File
	ended   chan struct{} // closed when the reader has ended

	mu      sync.Mutex // guards what follows and writes to in
	last    int
	waiting map[int]chan message
	events  []message
	wanted  map[string]chan struct{} // session and method -> closed by the next such event
}

// message is a call's answer (ID is not 0) or an event.
type message struct {
	ID        int             `json:"id"`
	SessionID string          `json:"sessionId"`
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params"`
	Result    json.RawMessage `json:"result"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// request is a call. An empty session is the browser itself.
type request struct {
	ID        int    `json:"id"`
	SessionID string `json:"sessionId,omitempty"`
	Method    string `json:"method"`
	Params    any    `json:"params,omitempty"`
}

var errGone = errors.New("the browser has ended")

func newPipe(in, out *os.File) *pipe {
	p := &pipe{
		in: in, out: out, ended: make(chan struct{}),
		waiting: map[int]chan message{}, wanted: map[string]chan struct{}{},
	}
	go p.read()
	return p
}

func (p *pipe) read() {
	defer close(p.ended)
	r := bufio.NewReader(p.out)
	for {
		b, err := r.ReadBytes(0)
		if err != nil {
			return // the browser is gone, or close was called
		}
		var m message
		if json.Unmarshal(b[:len(b)-1], &m) == nil {
			p.take(m)
		}
	}
}

func (p *pipe) take(m message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.ID != 0 {
		if answer := p.waiting[m.ID]; answer != nil {
			answer <- m // has room for one
		}
		delete(p.waiting, m.ID)
		return
	}
	p.events = append(p.events, m)
	key := m.SessionID + " " + m.Method
	if c := p.wanted[key]; c != nil {
		close(c)
		delete(p.wanted, key)
	}
}

// call sends a request and decodes its answer into result, if that is not nil.
func (p *pipe) call(ctx context.Context, session, method string, params, result any) error {
	answer, err := p.send(session, method, params)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-p.ended:
		return fmt.Errorf("%s: %w", method, errGone)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

func (p *pipe) send(session, method string, params any) (<-chan message, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	b, err := json.Marshal(request{ID: p.last, SessionID: session, Method: method, Params: params})
	if err != nil {
		return nil, err
	}
	answer := make(chan message, 1)
	p.waiting[p.last] = answer
	if _, err := p.in.Write(append(b, 0)); err != nil {
		return nil, fmt.Errorf("%w: %w", errGone, err)
	}
	return answer, nil
}

// next returns a channel that the next event of this method closes.
func (p *pipe) next(session, method string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := make(chan struct{})
	p.wanted[session+" "+method] = c
	return c
}

// seen returns the parameters of the events of this method so far.
func (p *pipe) seen(session, method string) []json.RawMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []json.RawMessage
	for _, m := range p.events {
		if m.SessionID == session && m.Method == method {
			out = append(out, m.Params)
		}
	}
	return out
}

// close ends the reader and frees the files.
func (p *pipe) close() error {
	err := errors.Join(p.in.Close(), p.out.Close())
	<-p.ended
	return err
}
