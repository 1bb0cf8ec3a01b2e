package pipeline

import (
	"slices"
	"sync"
)

// memory keeps the tasks of a group's last generation, by partition, until the
// next one: a partition that comes back unchanged goes on from where it was, and
// nothing is read twice.
type memory[T any] struct {
	mu    sync.Mutex
	tasks map[int]T
}

// keep is called by a task that has ended because its generation has.
func (m *memory[T]) keep(partition int, task T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tasks == nil {
		m.tasks = map[int]T{}
	}
	m.tasks[partition] = task
}

// only calls left with the tasks of partitions that are no longer this process's.
func (m *memory[T]) only(partitions []int, left func(T)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, task := range m.tasks {
		if !slices.Contains(partitions, p) {
			delete(m.tasks, p)
			left(task)
		}
	}
}

// take gives the task of a partition, and forgets it.
func (m *memory[T]) take(partition int) (task T, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	task, ok = m.tasks[partition]
	delete(m.tasks, partition)
	return task, ok
}
